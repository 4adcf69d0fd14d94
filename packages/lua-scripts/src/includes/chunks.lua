-- Batches go through variadic commands, a bounded number of values at a time.
local constants = require("constants")

local chunks = {}

--- Calls `command key values` as often as the values need, `width` values belonging together.
function chunks.call(values, width, command, key)
  local size = constants.CHUNK - constants.CHUNK % width
  for first = 1, #values, size do
    redis.call(command, key, unpack(values, first, math.min(first + size - 1, #values)))
  end
end

--- The replies of `command key … values`, one per value.
function chunks.ask(command, key, values)
  if #values <= constants.CHUNK then
    return #values == 0 and {} or redis.call(command, key, unpack(values))
  end
  local replies = {}
  for first = 1, #values, constants.CHUNK do
    local part =
      redis.call(command, key, unpack(values, first, math.min(first + constants.CHUNK - 1, #values)))
    for at = 1, #part do
      replies[first + at - 1] = part[at]
    end
  end
  return replies
end

return chunks
