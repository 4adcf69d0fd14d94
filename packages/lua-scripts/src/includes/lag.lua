-- How many entries a group has not been given yet.
local ids = require("ids")

local lag = {}

-- Entries read to count them: as many as fit in 4 MiB by the stream's average, at most a thousand.
local COUNT_BYTES, COUNT_MAX = 4194304, 1000

local function counted(stream, about, delivered)
  local average = redis.call("MEMORY", "USAGE", stream) / about.length
  local limit = math.max(1, math.min(COUNT_MAX, math.floor(COUNT_BYTES / average)))
  local found = #redis.call("XRANGE", stream, "(" .. delivered, "+", "COUNT", limit)
  if found < limit then
    return found
  end
end

--- The lag behind `delivered`, and whether it is exact. `reported` is Redis's own figure (nil: it has none),
-- `trimmed` what `trim` is known to have dropped.
function lag.of(stream, about, delivered, reported, trimmed)
  if not about or about.length == 0 or not ids.less(delivered, about.newest_id) then
    return 0, true
  end
  if ids.less(delivered, about.first_id) then
    return about.length, true
  end
  local removed_by_us = about.added and about.added - about.length == tonumber(trimmed or 0)
  if reported and removed_by_us then
    return math.min(reported, about.length), true
  end
  local count = counted(stream, about, delivered)
  if count then
    return count, true
  end
  return math.min(reported or about.length, about.length), false
end

return lag
