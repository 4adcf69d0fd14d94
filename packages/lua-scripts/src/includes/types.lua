-- What a key holds: a foreign key at one of ours is refused by name, before anything is written.
--
-- To ask for the type of each key would take an eighth of a call for one entry. So the scripts that are called for
-- every entry let the server tell: each key is read by a command of its type before the first write, if only for its
-- length, which is an error where it holds anything else. `args.guarded` then asks here which key that is.
local status = require("status")

local types = {}

--- A refusal if a key holds another type than wanted; `wanted` is in the order of KEYS.
function types.refusal(wanted)
  for at = 1, #wanted do
    local found = redis.call("TYPE", KEYS[at]).ok
    if found ~= "none" and found ~= wanted[at] then
      return { status.WRONGTYPE, KEYS[at], found, wanted[at] }
    end
  end
end

return types
