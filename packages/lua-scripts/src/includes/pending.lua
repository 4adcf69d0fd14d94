-- The pending entries list: the lease clock, and the count of attempts.

local constants = require("constants")

local pending = {}

--- The reserved consumer that holds entries until they are due. No name of a consumer starts with a slash.
pending.WAITING = "/waiting"

--- Whether the stream has the group. Any other error is raised: for a user who may not ask, "no" would be false.
function pending.group_exists(stream, group)
  local reply = redis.pcall("XPENDING", stream, group, "-", "+", 0)
  if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
    error(reply, 0)
  end
  return reply.err == nil
end

-- No entry that we know of comes after it, so reading a consumer's own entries from there raises no count.
local BEHIND_ALL = "18446744073709551615-18446744073709551614"

--- Lets the consumer be heard of: XINFO CONSUMERS lists it, as not idle. Before Redis 7.2 a blocking read does neither
-- while there is nothing to read, so that a consumer with nothing to do would look like one that is gone.
function pending.be_heard(stream, group, consumer)
  redis.call("XREADGROUP", "GROUP", group, consumer, "COUNT", 1, "STREAMS", stream, BEHIND_ALL)
end

--- { id, consumer, idle_ms, attempt } of a pending entry, or nil.
function pending.entry(stream, group, id)
  return redis.call("XPENDING", stream, group, id, id, 1)[1]
end

--- Restarts the lease clock of a consumer's own entries; the count of attempts stays.
function pending.touch(stream, group, consumer, ids)
  if #ids > 0 then
    ids[#ids + 1] = "JUSTID"
    redis.call("XCLAIM", stream, group, consumer, 0, unpack(ids)) -- at most MAX_ENTRIES
    ids[#ids] = nil
  end
end

--- Changes the count of attempts of the entry that XPENDING tells this about; its consumer and its lease clock stay.
function pending.recount(stream, group, about, attempt)
  redis.call(
    "XCLAIM",
    stream,
    group,
    about[2],
    0,
    about[1],
    "IDLE",
    about[3],
    "RETRYCOUNT",
    attempt,
    "JUSTID"
  )
end

--- Gives the entry to the consumer as this attempt, its lease clock restarted.
function pending.take(stream, group, consumer, id, attempt)
  redis.call("XCLAIM", stream, group, consumer, 0, id, "RETRYCOUNT", attempt, "JUSTID")
end

--- Parks the entry until `due_at`. Waiting entries have no lease, so their clock holds the first delivery.
function pending.park(stream, group, retries, id, attempt, first_ms, due_at)
  redis.call(
    "XCLAIM",
    stream,
    group,
    pending.WAITING,
    0,
    id,
    "TIME",
    first_ms,
    "RETRYCOUNT",
    attempt,
    "JUSTID"
  )
  redis.call("ZADD", retries, due_at, id)
end

--- Makes an entry that was acknowledged a waiting one again, due now, as a first attempt.
function pending.put_back(stream, group, retries, id, now)
  redis.call("XCLAIM", stream, group, pending.WAITING, 0, id, "TIME", now, "RETRYCOUNT", 1, "FORCE", "JUSTID")
  redis.call("ZADD", retries, now, id)
end

function pending.acknowledge(stream, group, ids)
  if #ids > 0 then
    redis.call("XACK", stream, group, unpack(ids)) -- at most MAX_ENTRIES
  end
end

--- Parks an entry that was handed back, for consumers that declare its type (declarations.lua). The count of attempts
-- stays.
function pending.hand_back(stream, group, retries, id, first_ms, score)
  redis.call("XCLAIM", stream, group, pending.WAITING, 0, id, "TIME", first_ms, "JUSTID")
  redis.call("ZADD", retries, score, id)
end

--- The score of a waiting entry that no time makes due: a suspect, whose next run is its last and whose run before
-- died. It waits until a process asks for one. Far behind every due time, also after the clock was moved.
pending.SUSPECT = 4e15
pending.SUSPECTS_FROM = 2e15

--- When the next waiting entry is due, or nil if none waits for its time: what was handed back waits for a consumer
-- that declares its type, and a suspect for a process.
function pending.next_due_at(retries)
  local first = redis.call("ZRANGE", retries, 0, 0, "WITHSCORES")[2] -- half as long as to ask for a range of scores
  if first and tonumber(first) < 0 then
    first = redis.call("ZRANGEBYSCORE", retries, 0, "+inf", "WITHSCORES", "LIMIT", 0, 1)[2]
  end
  local due_at = first and tonumber(first)
  return due_at and due_at < pending.SUSPECTS_FROM and due_at or nil
end

--- Milliseconds until the next waiting entry is due: 0 when one is, -1 when none waits for its time.
function pending.next_due_in(retries, now)
  local due_at = pending.next_due_at(retries)
  return due_at and math.max(0, math.ceil(due_at - now)) or -1
end

--- How many suspects wait, counted up to SWEEP.
function pending.suspects(retries)
  return #redis.call("ZRANGEBYSCORE", retries, pending.SUSPECTS_FROM, "+inf", "LIMIT", 0, constants.SWEEP)
end

return pending
