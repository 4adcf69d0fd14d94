-- What recovery mends on the way: orphans, what others took away, and a clock that went back.
local balance = require("balance")
local begun = require("begun")
local constants = require("constants")
local declarations = require("declarations")
local group_state = require("group")
local lowwater = require("lowwater")
local pending = require("pending")
local restore = require("restore")

local sweep = {}

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

-- How many entries wait.
local function waiting_count(stream, group)
  local consumers = redis.call("XINFO", "CONSUMERS", stream, group)
  for at = 1, #consumers do
    if consumers[at][2] == pending.WAITING then
      return consumers[at][4]
    end
  end
  return 0
end

-- Due times of entries that do not wait, if there are any: as many entries wait as there are due times, unless others
-- have taken some of them away.
local function sweep_retries(scene, before)
  local due_times = redis.call("ZCARD", scene.retries)
  if due_times == 0 or due_times == waiting_count(scene.stream, scene.group) then
    return 0
  end
  return (restore.retries(scene, before, constants.SWEEP))
end

--- A bounded number of each, from where the sweep before ended. `scene` is as restore.lua takes it.
function sweep.orphans(scene)
  local state = scene.state
  local cursors = redis.call("HMGET", state, "leasesCursor", "waitingCursor", "retriesCursor")
  local leases_cursor = restore.leases(scene, cursors[1] or "0", constants.SWEEP)
  local waiting_cursor =
    sweep_waiting(scene.stream, scene.group, scene.retries, cursors[2] or "0-0", scene.now)
  local retries_cursor = sweep_retries(scene, tonumber(cursors[3] or 0))
  redis.call(
    "HSET",
    state,
    "leasesCursor",
    leases_cursor,
    "waitingCursor",
    waiting_cursor,
    "retriesCursor",
    retries_cursor
  )
end

--- Compares the group's balance with that of the last look: what is missing since is put back as far as it is found.
-- Answers how many entries are lost, and records them; notes the group's low-water ID, too.
function sweep.losses(scene)
  local now, recorded, group = balance.of(scene)
  local lost = recorded.untold
  if lost > 0 then
    redis.call("HDEL", scene.state, "lostUntold")
  end
  if now and now.gone > 0 then
    local restored, unsure = restore.all(scene, now.gone - now.removed, recorded.last)
    now.missing = now.missing - restored
    local gone = now.gone - restored
    if gone > 0 then
      balance.lose(scene.state, gone, now.after, now.at_least or unsure > 0, scene.now)
      lost = lost + gone
    end
  end
  local low_water = lowwater.of(scene.stream, group)
  redis.call("HSET", scene.meta, lowwater.field(scene.group), low_water)
  if now then
    balance.keep(scene.meta, scene.state, now, low_water)
  end
  return lost
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
