-- How a key is written in `leases` and in the processed ring. `#entryId` is ours: it stands for an entry that has
-- no key, and marks one that is a dead letter. A user's key that starts with # therefore gets a second one.
local marks = {}

function marks.of_entry(id)
  return "#" .. id
end

function marks.of_key(key, id)
  if key == "" then
    return "#" .. id
  end
  return string.byte(key) == 35 and "#" .. key or key
end

return marks
