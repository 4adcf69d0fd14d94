-- Which entries `trim` has dropped, and nobody else: those that every group has settled.
--
-- `meta` records how many, and the range (`trimmedFrom`, `trimmedTo`] in which an entry that is not in the stream was
-- dropped by `trim`. The server counts what was ever added, so that what others removed is known as a number
-- (`removedByOthers`), though not by ID. Once that number has changed, nothing that was added until then is vouched
-- for: `trimmedFrom` moves up to the stream's last ID. Redis before 7.0 does not count; there the range is trusted.
local ids = require("ids")
local stream_info = require("stream")

local trimmed = {}

--- Notes that `trim` has dropped this many entries, all of those below `threshold` unless there are more.
function trimmed.note(stream, meta, dropped, threshold, more)
  local recorded = redis.call("HMGET", meta, "trimmed", "trimmedTo", "removedByOthers")
  local about = stream_info.about(stream)
  local total = tonumber(recorded[1] or 0) + dropped
  local to = recorded[2] or "0-0"
  local upto = ids.before(more and about.first_id or threshold)
  local by_others = about.added and about.added - about.length - total or 0
  if by_others ~= tonumber(recorded[3] or 0) then
    redis.call("HSET", meta, "trimmedFrom", about.last_id, "removedByOthers", by_others)
  end
  redis.call("HSET", meta, "trimmed", total, "trimmedTo", ids.less(to, upto) and upto or to)
end

--- A test for entries that are not in the stream: whether `trim` has dropped the one with this ID.
function trimmed.range(meta)
  local recorded = redis.call("HMGET", meta, "trimmedFrom", "trimmedTo")
  local from, to = recorded[1] or "0-0", recorded[2] or "0-0"
  return function(id)
    return ids.less(from, id) and not ids.less(to, id)
  end
end

return trimmed
