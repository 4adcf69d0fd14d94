-- The layout of a stream entry: `key` and `event`, and `group` on an entry that is replayed for one group only.
local constants = require("constants")

local entries = {}

--- The fields and values of an entry, flat and in order, or nil if it is no longer in the stream.
function entries.read(stream, id)
  local found = redis.call("XRANGE", stream, id, id)[1]
  return found and found[2]
end

--- The idempotency key; empty for an entry that is not in our layout, which is known by its ID alone.
function entries.key(fields)
  local ours = fields[1] == "key"
    and fields[3] == "event"
    and (#fields == 4 or (#fields == 6 and fields[5] == "group"))
  local key = ours and fields[2] or ""
  if #key > constants.MAX_KEY_BYTES or string.find(key, "[%z\1-\31\127]") then
    return ""
  end
  return key
end

return entries
