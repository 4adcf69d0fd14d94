-- What recovery mends on the way: orphans, and a clock that went back.
local constants = require("constants")
local declarations = require("declarations")
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

--- Forgets consumers that the group does not have: removed by other means than `retire`, they would hold the types
-- that they declared for ever. A bounded number, from where the sweep before ended. Redis does not know a consumer that
-- has opened the group and not read from it yet; one that is alive after all is answered NOGROUP, and opens the group
-- again.
function sweep.consumers(stream, group, state, now)
  local cursor = redis.call("HGET", state, "consumersCursor") or "0"
  local page = redis.call("HSCAN", state, cursor, "COUNT", constants.SWEEP)
  redis.call("HSET", state, "consumersCursor", page[1])
  local here = {}
  for _, about in ipairs(redis.call("XINFO", "CONSUMERS", stream, group)) do
    here[about[2]] = true
  end
  for at = 1, #page[2], 2 do
    local consumer, since = declarations.by(page[2][at], page[2][at + 1])
    if consumer and not here[consumer] and now - since > constants.ABSENT_MS then
      group_state.forget(state, consumer)
    end
  end
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
