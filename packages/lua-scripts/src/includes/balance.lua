-- The balance of a group: every entry that was ever added to the stream is unread, pending, settled by these scripts,
-- or missing. Whatever removes an entry that the group has still to settle, or passes it over (XTRIM, XDEL, MAXLEN of
-- somebody's XADD, XGROUP SETID, DELCONSUMER or CREATE, a foreign XACK), raises the number that is missing, so one
-- subtraction finds all of it, in any order and however long nobody looked.
--
-- `state` keeps how many the scripts have settled, and the balance of the last look:
-- missing|added|length|trimmed|removed|lastId|deliveredId|lowWaterId. Redis before 7.0 does not tell how many entries
-- were ever added: that is counted on from the last look then, as far as it can be known, and what is found is a lower
-- bound.
local constants = require("constants")
local ids = require("ids")
local lag = require("lag")
local lowwater = require("lowwater")
local stream_info = require("stream")

local balance = {}

local FIELDS = { "settled", "balance", "lost", "lostAt", "lostAfter", "lostAtLeast", "lostUntold" }

--- Counts entries that a script has acknowledged; below 0, that it has given back. Not the first write of a script.
function balance.settled(state, count)
  if count ~= 0 then
    redis.call("HINCRBY", state, "settled", count)
  end
end

local function parse(text)
  local missing, added, length, trimmed, removed, last_id, delivered, low_water =
    string.match(text or "", "^(%-?%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([%d-]+)|([%d-]+)|([%d-]+)$")
  return missing
    and {
      missing = tonumber(missing),
      added = tonumber(added),
      length = tonumber(length),
      trimmed = tonumber(trimmed),
      removed = tonumber(removed),
      last_id = last_id,
      delivered = delivered,
      low_water = low_water,
    }
end

--- What `state` records: settled, last (the balance of the last look, or nil), lost (how many were found lost in all),
-- lost_at (when the last of them were, or nil), lost_after (those that
-- may be in the stream still are behind this ID, or nil), at_least (the number is a
-- lower bound) and untold (of them, those that no recovery has reported yet).
function balance.recorded(state)
  local found = redis.call("HMGET", state, unpack(FIELDS))
  return {
    settled = tonumber(found[1] or 0),
    last = parse(found[2] or nil),
    lost = tonumber(found[3] or 0),
    lost_at = tonumber(found[4]),
    lost_after = found[5] or nil,
    at_least = found[6] == "1",
    untold = tonumber(found[7] or 0),
  }
end

-- Whether this is another stream than at the last look, under the same key. If none of the entries of then is left, the
-- same stream has had all of them removed, and says so; before Redis 7.0 it does not, and nothing of it is left anyway.
local function replaced(about, last)
  if not about or ids.less(about.last_id, last.last_id) or (about.added or last.added) < last.added then
    return true
  end
  local has_old = about.first_id and not ids.less(last.last_id, about.first_id)
  return last.added > 0 and not has_old and (about.added or about.length) - about.length < last.added
end

-- What the first look at a stream compares with: what is there, and nothing that was not missing before.
local function at_first(about, trimmed)
  return {
    missing = math.huge,
    added = about.added or about.length,
    length = about.length,
    trimmed = trimmed,
    removed = 0,
    last_id = about.last_id,
  }
end

-- How many entries were ever added, at least.
local function added_since(stream, about, trimmed, last)
  local behind = #redis.call("XRANGE", stream, "(" .. last.last_id, "+", "COUNT", constants.SWEEP)
  return last.added + math.max(behind, about.length - last.length + trimmed - last.trimmed)
end

--- The balance now, or nil if it cannot be told yet because too many unread entries would have to be counted. Compared
-- with the last look it tells: gone (how many went missing), removed (how many others took out of the stream that were
-- not missed before), after (what is gone is behind this ID), replaced (that this is another stream) and at_least (gone
-- is a lower bound).
function balance.look(stream, about, trimmed, group, unread, exact, recorded)
  if not about or not exact then
    return nil
  end
  local last = recorded.last
  local is_other = last and replaced(about, last)
  local before = not is_other and last or at_first(about, trimmed)
  local added = about.added or added_since(stream, about, trimmed, before)
  local missing = added - unread - group.pending - recorded.settled
  local now = {
    missing = missing,
    added = added,
    length = about.length,
    trimmed = trimmed,
    pending = group.pending,
    last_id = about.last_id,
    delivered = group.last_delivered,
    gone = math.max(0, missing - before.missing),
    removed = before.removed
      + (added - about.length - trimmed)
      - (before.added - before.length - before.trimmed),
    replaced = is_other,
    at_least = not about.added,
    after = last and last.low_water,
  }
  if is_other then
    -- What the stream before this one had, and nobody has settled since.
    now.gone, now.at_least = math.max(0, last.added - last.missing - recorded.settled), true
  end
  return now
end

-- What was dropped from the stream before this one says nothing of this one.
local function forget_trimmed(meta)
  redis.call("HDEL", meta, "trimmed", "removedByOthers")
end

--- Records a balance as the one to compare with.
function balance.keep(meta, state, now, low_water)
  if now.replaced then
    forget_trimmed(meta)
    now.trimmed = 0
  end
  -- An entry that was removed while it was pending may be missed later than one that was unread.
  local removed = math.max(0, math.min(now.removed - now.gone, now.pending))
  local values =
    { now.missing, now.added, now.length, now.trimmed, removed, now.last_id, now.delivered, low_water }
  redis.call("HSET", state, "balance", table.concat(values, "|"))
end

--- The ID behind which the losses are that are reported together, the least, once there is one behind `after`; nil if
-- none of them need be in the stream still. A loss that is reported no more, since a day has passed or an operator has
-- removed `lostAt`, says nothing of others.
function balance.lost_behind(recorded, after, now)
  local known = recorded.lost_after
  if not known or now - (recorded.lost_at or 0) >= constants.LOSS_SHOWN_MS then
    return after
  end
  return after and ids.less(after, known) and after or known
end

--- Records that so many entries are lost; those behind `after` may be in the stream still, nil if they are not.
function balance.lose(state, count, after, at_least, now)
  local behind = balance.lost_behind(balance.recorded(state), after, now)
  redis.call("HINCRBY", state, "lost", count)
  redis.call("HSET", state, "lostAt", now)
  if behind then
    redis.call("HSET", state, "lostAfter", behind)
  else
    redis.call("HDEL", state, "lostAfter")
  end
  if at_least then
    redis.call("HSET", state, "lostAtLeast", 1)
  end
end

--- How many entries a group that is about to be made again at `low_water` has lost, at least, and records it. The
-- balance begins anew: what it is given again was counted before.
function balance.lost_at_heal(stream, meta, state, low_water, now)
  local recorded, about = balance.recorded(state), stream_info.about(stream)
  local last = recorded.last
  redis.call("HDEL", state, "balance")
  if not last then
    return
  end
  local anew = replaced(about, last)
  local trimmed = redis.call("HGET", meta, "trimmed")
  local left = anew and 0 or lag.of(stream, about, low_water, nil, trimmed, lag.COUNT_MAX)
  local added = anew and last.added or about.added or last.added
  if anew then
    forget_trimmed(meta)
  end
  local lost = added - last.missing - recorded.settled - left
  if lost > 0 then
    balance.lose(state, lost, last.low_water, true, now)
    redis.call("HINCRBY", state, "lostUntold", lost)
  end
end

--- The balance of a group that the stream has as `look` answers it, what is recorded, and the group.
function balance.of(scene)
  local group = lowwater.group(scene.stream, scene.group)
  local about = stream_info.about(scene.stream)
  local trimmed = tonumber(redis.call("HGET", scene.meta, "trimmed") or 0)
  local unread, exact = lag.of(scene.stream, about, group.last_delivered, group.lag, trimmed, constants.SWEEP)
  local recorded = balance.recorded(scene.state)
  return balance.look(scene.stream, about, trimmed, group, unread, exact, recorded), recorded, group
end

--- Records the balance of a group of which none is recorded, so that what goes missing from now on is found.
function balance.begin(scene)
  local now, recorded, group = balance.of(scene)
  if now and not recorded.last then
    balance.keep(scene.meta, scene.state, now, lowwater.of(scene.stream, group))
  end
end

return balance
