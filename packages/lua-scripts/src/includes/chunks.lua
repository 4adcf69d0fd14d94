-- Batches go through variadic commands, a bounded number of values at a time.
local constants = require("constants")

local chunks = {}

--- Calls `command key … values` as often as the values need, `width` values belonging together.
function chunks.call(values, width, ...)
  local size = constants.CHUNK - constants.CHUNK % width
  local head = { ... }
  local words = #head
  for first = 1, #values, size do
    for at = 1, math.min(size, #values - first + 1) do
      head[words + at] = values[first + at - 1]
    end
    redis.call(unpack(head, 1, words + math.min(size, #values - first + 1)))
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
