-- What XINFO STREAM says. It carries two whole entries, so it is asked only where nothing else tells.
local ids = require("ids")

local stream = {}

--- XINFO's reply, or nil if there is no stream. Any other error is raised: for a user who may not ask, or a type that
-- is wrong, "there is none" would be a false answer.
function stream.ask(what, key)
  local reply = redis.pcall("XINFO", what, key)
  if not reply.err then
    return reply
  end
  if not string.find(reply.err, "no such key", 1, true) then
    error(reply, 0)
  end
end

--- Length, last_id (the last ever given), first_id and newest_id (of entries there are; nil if there is none), and
-- added (how many ever were, nil before Redis 7.0); nil if there is no stream.
function stream.about(key)
  local reply = stream.ask("STREAM", key)
  if not reply then
    return nil
  end
  local found = {}
  for at = 1, #reply, 2 do
    found[reply[at]] = reply[at + 1]
  end
  local first, newest = found["first-entry"], found["last-entry"]
  return {
    length = found["length"],
    last_id = found["last-generated-id"],
    added = found["entries-added"],
    first_id = first and first[1],
    newest_id = newest and newest[1],
  }
end

--- The last ID that was ever given; `0-0` if there is no stream.
function stream.last_id(key)
  local about = stream.about(key)
  return about and about.last_id or "0-0"
end

--- Whether a whole batch can still have IDs above `last_id`: it can below the last millisecond there is, and in
-- that one while the sequence is shorter than the longest, which leaves 8e18 entries' room.
function stream.has_room(last_id)
  local ms, seq = ids.split(last_id)
  return ms ~= ids.UINT64_MAX or #seq < #ids.UINT64_MAX
end

return stream
