-- How an entry is known in `leases` and in the processed ring: by its key, or, if it has none, by `#entryId`, which
-- also marks one that is a dead letter. No key starts with # (args.lua, entries.lua).
local marks = {}

function marks.of_entry(id)
  return "#" .. id
end

function marks.of_key(key, id)
  return key == "" and "#" .. id or key
end

return marks
