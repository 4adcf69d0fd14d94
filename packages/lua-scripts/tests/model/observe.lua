-- All that Redis holds of one group, as JSON in one reply: a check after every step must be cheap.
--
-- Afterwards it puts off what would fall due by itself within the next seconds, so that only a step of the history
-- makes an entry due, and a seed gives the same history twice.
--
-- KEYS: stream meta leases retries dead state processed.0 .. processed.4
-- ARGV: group, the last entry seen, the last dead letter seen, waits shorter than this (ms) are put off, by this (ms)
local stream, meta, leases, retries, dead, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local group, after_entry, after_letter, soon, delay = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]

local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local pending = redis.pcall("XPENDING", stream, group, "-", "+", 1000)
local waiting = redis.call("ZRANGE", retries, 0, -1, "WITHSCORES")
local observed = cjson.encode({
  now = now,
  groupExists = pending.err == nil,
  pending = pending.err and {} or pending,
  leases = redis.call("HGETALL", leases),
  waiting = waiting,
  processed = redis.call("SUNION", KEYS[7], KEYS[8], KEYS[9], KEYS[10], KEYS[11]),
  entries = redis.call("XRANGE", stream, "(" .. after_entry, "+"),
  letters = redis.call("XRANGE", dead, "(" .. after_letter, "+"),
  lowWaterId = redis.call("HGET", meta, "group:" .. group) or "0-0",
  seenAt = tonumber(redis.call("HGET", state, "seenAt") or now),
})
for at = 1, #waiting, 2 do
  local due_at = tonumber(waiting[at + 1])
  if due_at > now and due_at < now + soon then
    redis.call("ZINCRBY", retries, delay, waiting[at])
  end
end
return observed
