-- What XINFO STREAM says. It carries two whole entries, so it is asked only where nothing else tells.
local ids = require("ids")

local stream = {}

function stream.last_id(key)
  local about = redis.pcall("XINFO", "STREAM", key)
  for at = 1, #about, 2 do
    if about[at] == "last-generated-id" then
      return about[at + 1]
    end
  end
  return "0-0"
end

--- Whether a whole batch can still have IDs above `last_id`: it can below the last millisecond there is, and in
-- that one while the sequence is shorter than the longest, which leaves 8e18 entries' room.
function stream.has_room(last_id)
  local ms, seq = ids.split(last_id)
  return ms ~= ids.UINT64_MAX or #seq < #ids.UINT64_MAX
end

return stream
