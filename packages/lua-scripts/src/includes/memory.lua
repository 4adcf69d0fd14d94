-- How much memory a key takes, where the server tells: MEMORY may be renamed, or forbidden to the user, and nothing but
-- numbers for people depends on it.
local memory = {}

--- Bytes, or nil where they are not known.
function memory.usage(key)
  local found = redis.pcall("MEMORY", "USAGE", key)
  if type(found) == "number" then
    return found
  end
end

return memory
