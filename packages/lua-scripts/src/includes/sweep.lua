-- What recovery mends on the way: orphans, and a clock that went back.
local begun = require("begun")
local constants = require("constants")
local group_state = require("group")
local pending = require("pending")
local tokens = require("tokens")

local sweep = {}

-- Tokens of entries that are no longer pending. They fence nobody and would stay for ever.
local function sweep_leases(stream, group, leases, cursor)
  local page = redis.call("HSCAN", leases, cursor, "COUNT", constants.SWEEP)
  for at = 1, #page[2], 2 do
    if not pending.entry(stream, group, tokens.entry(page[2][at + 1])) then
      redis.call("HDEL", leases, page[2][at])
    end
  end
  return page[1]
end

-- Waiting entries that no due time would ever wake.
local function sweep_waiting(stream, group, retries, after, now)
  local page = redis.call("XPENDING", stream, group, "(" .. after, "+", constants.SWEEP, pending.WAITING)
  for at = 1, #page do
    if not redis.call("ZSCORE", retries, page[at][1]) then
      redis.call("ZADD", retries, now, page[at][1])
    end
  end
  return #page == constants.SWEEP and page[#page][1] or "0-0"
end

--- A bounded number of records of processes that have gone without a word, from where the sweep before ended: those
-- that no token needs any more, since nothing is pending with their consumer, or all of it was looked at just now
-- (`looked_at` is that consumer, if any).
function sweep.records(stream, group, state, looked_at)
  local page =
    redis.call("HSCAN", state, redis.call("HGET", state, "recordsCursor") or "0", "COUNT", constants.SWEEP)
  for at = 1, #page[2], 2 do
    local consumer, incarnation = begun.whose(page[2][at])
    if consumer and redis.call("HGET", state, group_state.incarnation_field(consumer)) ~= incarnation then
      local held = consumer ~= looked_at and redis.call("XPENDING", stream, group, "-", "+", 1, consumer)[1]
      if not held then
        redis.call("HDEL", state, page[2][at])
      end
    end
  end
  redis.call("HSET", state, "recordsCursor", page[1])
end

--- A bounded number of each, from where the sweep before ended.
function sweep.orphans(stream, group, leases, retries, state, now)
  local cursors = redis.call("HMGET", state, "leasesCursor", "waitingCursor")
  redis.call(
    "HSET",
    state,
    "leasesCursor",
    sweep_leases(stream, group, leases, cursors[1] or "0"),
    "waitingCursor",
    sweep_waiting(stream, group, retries, cursors[2] or "0-0", now)
  )
end

-- Pending entries of a consumer, whose delivery times lie in what is now the future.
local function touch_all(stream, group, consumer)
  local after = "0-0"
  while after do
    local page = redis.call("XPENDING", stream, group, "(" .. after, "+", constants.CHUNK, consumer)
    local ids = {}
    for at = 1, #page do
      ids[at] = page[at][1]
    end
    pending.touch(stream, group, consumer, ids)
    after = #page == constants.CHUNK and ids[#ids]
  end
end

--- If the clock is behind the last time seen by more than a lease: once, restarts every lease clock and brings the
-- due times along. O(N) in the pending entries, for an event this rare.
function sweep.clock(stream, group, retries, state, loaded, now)
  local jump = (loaded.seen_at or now) - now
  if jump > loaded.lease_ms then
    local consumers = redis.call("XINFO", "CONSUMERS", stream, group)
    for at = 1, #consumers do
      if consumers[at][2] ~= pending.WAITING then
        touch_all(stream, group, consumers[at][2])
      end
    end
    local waiting = redis.call("ZRANGEBYSCORE", retries, "(" .. now, "+inf", "WITHSCORES")
    for at = 1, #waiting, 2 do
      redis.call("ZADD", retries, math.max(now, waiting[at + 1] - jump), waiting[at])
    end
  end
  if jump > loaded.lease_ms or jump < -1000 or not loaded.seen_at then
    redis.call("HSET", state, "seenAt", now)
  end
end

return sweep
