--- info: everything that monitoring asks of a stream, at one moment.
--
-- A script may touch declared keys only, so the caller names the groups it knows, with their keys; the reply names
-- every group there is, and a caller that missed one asks again.
--
-- Lag is Redis's own count where that can be trusted: XLEN if nothing was delivered yet, zero if everything was.
-- Redis counts wrongly (7.0) or not at all once entries were removed in the middle, so then, that is when anything
-- but `trim` removed entries, the entries behind the last delivered one are counted: the newest are read once, for all
-- the groups of the call, and what is further behind is told as not exact. A caller that has many groups asks for a
-- hundred at a time, so that no call holds up the server.
--
-- Lost are the entries that others removed or passed over before the group settled them: those that recovery has
-- recorded, and those that are missing now (balance.lua).
--
-- @key   stream          STREAM
-- @key   meta            HASH    protocol, registered groups, entries trimmed
-- @groupkey processed.0  SET     ring of processed keys
-- @groupkey processed.1  SET     as above
-- @groupkey processed.2  SET     as above
-- @groupkey processed.3  SET     as above
-- @groupkey processed.4  SET     as above
-- @groupkey retries      ZSET    waiting entries by due time
-- @groupkey dead         STREAM  dead letters
-- @groupkey state        HASH    group settings, ring, balance, losses
-- @arg   groups          0..100 names, one for each set of group keys
-- @reply OK, now in milliseconds, 1 if the stream exists else 0, its length, first ID and last ID (empty: no entry),
--        memory in bytes (-1: the server does not tell), protocol recorded or empty, length limit or 0, number of
--        groups there are, their names,
--        then per group asked: name, 1 if the stream has it else 0, pending, lag, 1 if that is exact else 0, last
--        delivered ID, age of the oldest pending entry in milliseconds, waiting, due time of the first (-1: none),
--        dead letters, processed keys remembered, low-water ID or empty, idempotencyTtlMs, leaseMs, maxAttempts (0:
--        not open), entries lost, 1 if that is exact or 0 if it is a lower bound, when the last were found in
--        milliseconds since 1970 (-1: never), the ID behind which those are that may be in the stream still or empty,
--        number of consumers, then for each its name, pending and idle time in milliseconds
-- @reply WRONGTYPE, key, found, wanted
-- @error SLUICE_BADARG      a caller's bug
-- @invariant nothing is written
-- @cost  O(G + C) in the groups there are, and the consumers of those asked about; where lags must be counted up to
--        1,000 entries, or 4 MiB of them
-- @since protocol 1
local args = require("args")
local balance = require("balance")
local clock = require("clock")
local constants = require("constants")
local group_state = require("group")
local ids = require("ids")
local lag = require("lag")
local lowwater = require("lowwater")
local memory = require("memory")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local types = require("types")

local stream, meta = KEYS[1], KEYS[2]
local TYPES = { "stream", "hash" }
local GROUP_TYPES = { "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local FIXED, PER_GROUP = #TYPES, #GROUP_TYPES
for at = 1, #ARGV * PER_GROUP do
  TYPES[FIXED + at] = GROUP_TYPES[(at - 1) % PER_GROUP + 1]
end

local function keys_of(n)
  local first = FIXED + (n - 1) * PER_GROUP
  return {
    processed = { KEYS[first + 1], KEYS[first + 2], KEYS[first + 3], KEYS[first + 4], KEYS[first + 5] },
    retries = KEYS[first + 6],
    dead = KEYS[first + 7],
    state = KEYS[first + 8],
  }
end

-- Every group: those that the stream has, then those that are registered and gone.
local function all_groups(live, recorded)
  local names, seen = {}, {}
  for at = 1, #live do
    names[at], seen[live[at].name] = live[at].name, live[at]
  end
  for at = 1, #recorded, 2 do
    local name = lowwater.group_of(recorded[at])
    if name and not seen[name] then
      names[#names + 1] = name
    end
  end
  return names, seen
end

local function consumers_of(name)
  local found = {}
  for _, about in ipairs(redis.call("XINFO", "CONSUMERS", stream, name)) do
    if about[2] ~= pending.WAITING then
      found[#found + 1] = about[2]
      found[#found + 1] = about[4]
      found[#found + 1] = about[6]
    end
  end
  return found
end

-- What others removed or passed over: recorded, and missing now.
local function losses_of(state, live, about, behind, exact, trimmed, now)
  local recorded = balance.recorded(state)
  local found = live and balance.look(stream, about, trimmed, live, behind, exact, recorded)
  if not found or found.gone == 0 then
    return recorded.lost, not recorded.at_least, recorded.lost_at or -1, recorded.lost_after or ""
  end
  local exactly = not (recorded.at_least or found.at_least)
  return recorded.lost + found.gone, exactly, now, balance.lost_behind(recorded, found.after, now)
end

local function describe(reply, name, live, keys, about, recorded, now)
  local function say(value)
    reply[#reply + 1] = value
  end
  local loaded = group_state.read(keys.state, "")
  local low_water = recorded[lowwater.field(name)]
  local oldest = live and redis.call("XPENDING", stream, name, "-", "+", 1)[1]
  local delivered = live and live.last_delivered or low_water or "0-0"
  local trimmed = tonumber(recorded.trimmed or 0)
  local behind, exact = lag.of(stream, about, delivered, live and live.lag, trimmed, lag.COUNT_MAX)
  local lost, is_exact, lost_at, lost_after = losses_of(keys.state, live, about, behind, exact, trimmed, now)
  local consumers = live and consumers_of(name) or {}
  say(name)
  say(live and 1 or 0)
  say(live and live.pending or 0)
  say(behind)
  say(exact and 1 or 0)
  say(delivered)
  say(oldest and math.max(0, now - tonumber((ids.split(oldest[1])))) or 0)
  say(redis.call("ZCARD", keys.retries))
  say(pending.next_due_at(keys.retries) or -1)
  say(redis.call("XLEN", keys.dead))
  say(loaded.ttl_ms and ring.count(loaded.ring(keys.processed, now)) or 0)
  say(low_water or "")
  say(loaded.ttl_ms or 0)
  say(loaded.lease_ms or 0)
  say(loaded.max_attempts or 0)
  say(lost)
  say(is_exact and 1 or 0)
  say(lost_at)
  say(lost_after)
  say(#consumers / 3)
  for at = 1, #consumers do
    say(consumers[at])
  end
end

local function run()
  if #ARGV > constants.INFO_GROUPS then
    args.bad("groups", #ARGV, "wanted at most " .. constants.INFO_GROUPS)
  end
  local asked = {}
  for n = 1, #ARGV do
    asked[n] = args.name(ARGV[n], "group")
  end
  local refusal = types.refusal(TYPES)
  if refusal then
    return refusal
  end

  local now = clock.now()
  local about = stream_info.about(stream)
  local fields = redis.call("HGETALL", meta)
  local recorded = {}
  for at = 1, #fields, 2 do
    recorded[fields[at]] = fields[at + 1]
  end
  local names, live = all_groups(lowwater.groups(stream), fields)
  local reply = {
    status.OK,
    now,
    about and 1 or 0,
    about and about.length or 0,
    about and about.first_id or "",
    about and about.newest_id or "",
    about and (memory.usage(stream) or -1) or 0,
    recorded.protocol or "",
    tonumber(recorded.maxLength or 0),
    #names,
  }
  for at = 1, #names do
    reply[#reply + 1] = names[at]
  end
  for n = 1, #asked do
    describe(reply, asked[n], live[asked[n]], keys_of(n), about, recorded, now)
  end
  return reply
end

return args.guarded(TYPES, run)
