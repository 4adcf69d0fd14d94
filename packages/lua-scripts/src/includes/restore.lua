-- Puts back what others took out of the pending entries list: entries that are neither settled nor unread, and that
-- nobody would ever come back to. What the processed ring remembers has been settled, and stays so.
--
-- A `scene` has stream, meta, group, leases, retries, state, ring, ttl_ms and now.
local constants = require("constants")
local entries = require("entries")
local ids = require("ids")
local lowwater = require("lowwater")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local tokens = require("tokens")

local restore = {}

-- Entries looked at when something is missing: in `leases`, in `retries` and in the stream each.
local MOST = 10000

-- What the group has not been given yet will be delivered by itself.
local function is_unread(scene, id)
  scene.delivered = scene.delivered or lowwater.group(scene.stream, scene.group).last_delivered
  return ids.less(scene.delivered, id)
end

local function is_settled(scene, held_as, id)
  local mark = marks.of_entry(id)
  local found = ring.remembers(scene.ring, { held_as, mark })
  return found[held_as] or found[mark]
end

local function pend(scene, consumer, id, attempt)
  local at = scene.now
  redis.call(
    "XCLAIM",
    scene.stream,
    scene.group,
    consumer,
    0,
    id,
    "TIME",
    at,
    "RETRYCOUNT",
    attempt,
    "FORCE",
    "JUSTID"
  )
end

--- An entry with a due time that does not wait; `about` is what XPENDING says of it, nil if it is not pending. It waits
-- again, or its due time goes. Answers what XPENDING says of it then, or nil.
function restore.waiting(scene, id, about)
  local fields = entries.read(scene.stream, id)
  local held_as = fields and marks.of_key(entries.key(fields), id)
  local token = fields and redis.call("HGET", scene.leases, held_as)
  local is_leased = token and tokens.entry(token) == id
  local attempt
  if fields and not is_leased then
    if about then
      -- Somebody claimed it, which counts a delivery: that was no attempt, unless it asked for IDs alone.
      attempt = math.max(1, about[4] - 1)
    elseif not is_unread(scene, id) and not is_settled(scene, held_as, id) then
      attempt = 1
    end
  end
  if not attempt then
    redis.call("ZREM", scene.retries, id)
    return nil
  end
  pend(scene, pending.WAITING, id, attempt)
  return { id, pending.WAITING, 0, attempt }
end

-- A token whose entry is not pending: the entry goes back to the consumer that the token names, as the attempt it was,
-- and that consumer keeps it or is found to be dead. A token that is of no use goes. Answers whether it was put back.
local function restore_leased(scene, held_as, token)
  local id = tokens.entry(token)
  local consumer, attempt = string.match(token, "^[^|]*|([^|]+)|(%d+)|")
  local fields = consumer and entries.read(scene.stream, id)
  if fields and not is_unread(scene, id) and not is_settled(scene, held_as, id) then
    pend(scene, consumer, id, attempt)
    return true
  end
  redis.call("HDEL", scene.leases, held_as)
  return false
end

--- Looks at a page of `leases`, from a cursor on: answers the next cursor, how many were looked at, how many put back.
function restore.leases(scene, cursor, count)
  local page = redis.call("HSCAN", scene.leases, cursor, "COUNT", count)
  local restored = 0
  for at = 1, #page[2], 2 do
    local held_as, token = page[2][at], page[2][at + 1]
    if not pending.entry(scene.stream, scene.group, tokens.entry(token)) then
      restored = restored + (restore_leased(scene, held_as, token) and 1 or 0)
    end
  end
  return page[1], #page[2] / 2, restored
end

--- Looks at a page of `retries`, so many places before its end: what falls due, and goes, does not shift the others.
-- Answers where the next page is, 0 at the beginning, and how many were put back.
function restore.retries(scene, before, count)
  local page = redis.call("ZRANGE", scene.retries, -(before + count), -(before + 1))
  local restored = 0
  for at = 1, #page do
    local about = pending.entry(scene.stream, scene.group, page[at])
    if not about or about[2] ~= pending.WAITING then
      local waits = restore.waiting(scene, page[at], about)
      restored = restored + (waits and not about and 1 or 0)
    end
  end
  return #page == count and before + count or 0, restored
end

-- Entries that had been delivered when the group was looked at last, and of which nothing is left: no token, and they
-- are not pending. An entry that was skipped is not told from those; it is put back too, and skipped again. What is
-- older than the ring remembers may have been settled, and stays.
local function restore_delivered(scene, last)
  local after, restored, looked = last.low_water, 0, 0
  while after and looked < constants.MAX_ENTRIES do
    local page = redis.call("XRANGE", scene.stream, "(" .. after, last.delivered, "COUNT", constants.SWEEP)
    for at = 1, #page do
      local id = page[at][1]
      local held_as = marks.of_key(entries.key(page[at][2]), id)
      local is_young = scene.now - tonumber((ids.split(id))) < scene.ttl_ms
      local is_missing = is_young
        and not is_settled(scene, held_as, id)
        and not pending.entry(scene.stream, scene.group, id)
      if is_missing then
        pending.put_back(scene.stream, scene.group, scene.retries, id, scene.now)
        restored = restored + 1
      end
    end
    looked = looked + #page
    after = #page == constants.SWEEP and page[#page][1]
  end
  return restored
end

--- Puts back all that can be found once entries are missing since the `last` look, `passed_over` of them although they
-- were not removed from the stream: answers how many, and how many of those need not be the ones that were missed.
function restore.all(scene, passed_over, last)
  local restored, cursor, looked = 0, "0", 0
  repeat
    local count, put_back
    cursor, count, put_back = restore.leases(scene, cursor, constants.MAX_ENTRIES)
    looked, restored = looked + count, restored + put_back
  until cursor == "0" or looked >= MOST
  local before = 0
  repeat
    local put_back
    before, put_back = restore.retries(scene, before, constants.MAX_ENTRIES)
    restored = restored + put_back
  until before == 0 or before >= MOST
  local unsure = restored < passed_over and restore_delivered(scene, last) or 0
  return restored + unsure, unsure
end

return restore
