-- How many entries a group has not been given yet.
local ids = require("ids")
local memory = require("memory")

local lag = {}

-- Bytes that are read to count entries, by the stream's average.
local COUNT_BYTES = 4194304
-- Entries that are read where the server does not tell how large they are.
local COUNT_BLIND = 100

--- Entries that one call of `info` reads to count lags, however many groups it describes.
lag.COUNT_MAX = 1000

-- The IDs of the newest entries, the newest first: read once, for every group that this call counts for.
local function newest(stream, about, most)
  if not about.newest then
    local bytes = memory.usage(stream)
    local fitting = bytes and math.floor(COUNT_BYTES / (bytes / about.length)) or COUNT_BLIND
    local limit = math.max(1, math.min(most, fitting))
    local found = redis.call("XREVRANGE", stream, "+", "-", "COUNT", limit)
    about.newest = {}
    for at = 1, #found do
      about.newest[at] = found[at][1]
    end
  end
  return about.newest
end

-- How many entries there are behind `delivered`; nil if more than are read.
local function counted(stream, about, delivered, most)
  local behind = newest(stream, about, most)
  local known, unknown = 0, #behind + 1
  while unknown - known > 1 do
    local middle = math.floor((known + unknown) / 2)
    if ids.less(delivered, behind[middle]) then
      known = middle
    else
      unknown = middle
    end
  end
  if known < #behind or #behind == about.length then
    return known
  end
end

--- The lag behind `delivered`, and whether it is exact. `reported` is Redis's own figure (nil: it has none),
-- `trimmed` what `trim` is known to have dropped, `most` the entries that this call may read for all its groups.
function lag.of(stream, about, delivered, reported, trimmed, most)
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
  local count = counted(stream, about, delivered, most)
  if count then
    return count, true
  end
  return math.min(reported or about.length, about.length), false
end

return lag
