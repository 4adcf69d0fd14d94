-- What a key holds, asked before anything is written: a foreign key at one of ours is refused by name.
local status = require("status")

local types = {}

--- A refusal if a key holds another type than wanted; pairs of (key, type wanted).
function types.refusal(...)
  local wanted = { ... }
  for at = 1, #wanted, 2 do
    local found = redis.call("TYPE", wanted[at]).ok
    if found ~= "none" and found ~= wanted[at + 1] then
      return { status.WRONGTYPE, wanted[at], found, wanted[at + 1] }
    end
  end
end

--- The same for keys that all hold one type.
function types.refusal_of_all(keys, wanted)
  for at = 1, #keys do
    local refusal = types.refusal(keys[at], wanted)
    if refusal then
      return refusal
    end
  end
end

return types
