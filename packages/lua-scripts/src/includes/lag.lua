-- How many entries a group has not been given yet.
local ids = require("ids")
local memory = require("memory")

local lag = {}

-- Entries read to count them: as many as fit in 4 MiB by the stream's average, at most a thousand; a few where the
-- average is not known.
local COUNT_BYTES, COUNT_MAX, COUNT_UNSIZED = 4194304, 1000, 16

local function counted(stream, about, delivered)
  local bytes = memory.usage(stream)
  local fitting = bytes and math.floor(COUNT_BYTES * about.length / bytes) or COUNT_UNSIZED
  local limit = math.max(1, math.min(COUNT_MAX, fitting))
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
