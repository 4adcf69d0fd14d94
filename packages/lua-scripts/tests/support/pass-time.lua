-- Lets time pass for one group without waiting: everything that Redis recorded of it moves into the past.
-- KEYS: stream, meta, published.0, published.1, retries, state, processed.0 .. processed.4
-- ARGV: group, milliseconds; with a third argument, a time, so many that this time lies `milliseconds` back.
-- Answers how many milliseconds have passed.
local stream, meta, retries, state = KEYS[1], KEYS[2], KEYS[5], KEYS[6]
local group, ms = ARGV[1], tonumber(ARGV[2])
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[3] then
  ms = ms - (now - tonumber(ARGV[3]))
end

-- A first write that does not grow: the rest passes at maxmemory.
redis.call("HDEL", state, "")

local function move(key, field)
  if redis.call("HEXISTS", key, field) == 1 then
    redis.call("HINCRBY", key, field, string.format("%.0f", 0 - ms))
  end
end

-- When the key expires, or nil. Servers before 7.0 tell only what is left, to a millisecond or two.
local function expires_at(key)
  local at = redis.pcall("PEXPIRETIME", key)
  if type(at) == "table" then
    local left = redis.call("PTTL", key)
    at = left < 0 and left or now + left
  end
  return at >= 0 and at or nil
end

for _, at in ipairs({ 3, 4, 7, 8, 9, 10, 11 }) do
  local expiry = expires_at(KEYS[at])
  if expiry then
    redis.call("PEXPIREAT", KEYS[at], string.format("%.0f", expiry - ms))
  end
end
move(state, "ringOpenedAt")
move(state, "seenAt")
move(meta, "windowOpenedAt")
local waiting = redis.call("ZRANGEBYSCORE", retries, 0, "+inf", "WITHSCORES")
for at = 1, #waiting, 2 do
  redis.call("ZADD", retries, string.format("%.0f", waiting[at + 1] - ms), waiting[at])
end
local entries = redis.pcall("XPENDING", stream, group, "-", "+", 10000)
for at = 1, #entries do
  local id, consumer, idle, count = unpack(entries[at])
  local delivered = string.format("%.0f", math.max(0, now - idle - ms))
  -- A claim would drop an entry that is no longer in the stream.
  if #redis.call("XRANGE", stream, id, id) > 0 then
    redis.call("XCLAIM", stream, group, consumer, 0, id, "TIME", delivered, "RETRYCOUNT", count, "JUSTID")
  end
end
return ms
