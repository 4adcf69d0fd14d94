--- open: make a consumer group ready, and take its consumer's name.
--
-- Creates the group (and the stream), registers it in `meta` so that it can be made again where it was, records its
-- settings, and checks the protocol and the user's permissions before anything is written. Settings belong to the
-- group: a consumer that comes with others learns both values, since two that disagree about a lease or a TTL would
-- break each other's promises.
--
-- A group that is registered but gone (deleted, or lost in a failover) is recreated at its low-water ID, or from the
-- start if the stream ends before that; never at `$`, which would skip what was published meanwhile. Its leases and
-- waits go with it, and readTo remembers how far it may have read: up to there `#entryId` marks keep dead letters
-- from running again. The processed ring absorbs the rest. What the group had still to settle and will not be given
-- again, because the stream was deleted too, is recorded as lost: see balance.lua.
--
-- What the consumer's handlers declare is recorded in place of what was recorded under its name before: `settle` skips
-- an event for want of a handler only if no consumer of the group declares its type.
--
-- The newest process to TAKE a consumer's name has it; REJOIN is for a process that meets NOGROUP, and never takes a
-- name back from a newer one. It knows where the group was when it came, which counts if nothing is recorded.
--
-- @key   stream            STREAM
-- @key   meta              HASH    protocol, registered groups with their low-water IDs
-- @key   published.0       HASH    not touched; declared so that a user's permissions are known now
-- @key   published.1       HASH    as above
-- @key   leases            HASH    idempotency key -> token
-- @key   processed.0..4    SET     ring of processed keys
-- @key   retries           ZSET    waiting entries by due time
-- @key   dead              STREAM  dead letters
-- @key   state             HASH    group settings, ring, incarnations, declared types
-- @arg   group             string
-- @arg   consumer          string
-- @arg   incarnation       string  1 to 64 of A-Z a-z 0-9 _ -, unique per process
-- @arg   mode              TAKE | REJOIN
-- @arg   startFrom         entry ID or $: where a group that is new begins, after that ID
-- @arg   change            0 | 1: 1 changes the group's settings to these
-- @arg   idempotencyTtlMs  integer milliseconds, 1..315360000000
-- @arg   leaseMs           integer milliseconds, 1..315360000000
-- @arg   maxAttempts       integer, 1..1000
-- @arg   types             list of the event types that the consumer's handlers declare, 0..1000
-- @reply OK, CREATED | JOINED | HEALED, the group's low-water ID, now in milliseconds
-- @reply SETTINGS, then (setting, recorded, asked) for each that differs
-- @reply NOPERM, command
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply SUPERSEDED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @error OOM                a group that is new meets a server at maxmemory; nothing was written
-- @invariant nothing that was published after the group's first open is skipped
-- @cost  O(G) in the stream's groups, plus O(N) in the types
-- @since protocol 1
local args = require("args")
local balance = require("balance")
local clock = require("clock")
local constants = require("constants")
local declarations = require("declarations")
local group_state = require("group")
local ids = require("ids")
local lowwater = require("lowwater")
local protocol = require("protocol")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local types = require("types")

local stream, meta, _, _, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local processed = { KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10] }
local retries, _, state = KEYS[11], KEYS[12], KEYS[13]
local TYPES =
  { "stream", "hash", "hash", "hash", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }

local HEAD = 9

local SETTINGS = { "idempotencyTtlMs", "leaseMs", "maxAttempts" }

-- The first command that the user may not run, if the server can tell (Redis 7.0 and later).
local function forbidden_command(group)
  if not redis.acl_check_cmd then
    return nil
  end
  local commands = {
    { "XADD", stream, "*", "key", "", "event", "" },
    { "XREADGROUP", "GROUP", group, "-", "STREAMS", stream, ">" },
    { "XGROUP", "CREATE", stream, group, "0" },
    { "XACK", stream, group, "0-0" },
    { "XCLAIM", stream, group, "-", 0, "0-0" },
    { "XPENDING", stream, group },
    { "XRANGE", stream, "-", "+" },
    { "XREVRANGE", stream, "+", "-" },
    { "XLEN", stream },
    { "XINFO", "GROUPS", stream },
    { "XINFO", "STREAM", stream },
    { "XINFO", "CONSUMERS", stream, group },
    { "HMGET", leases, "" },
    { "HSET", leases, "", "" },
    { "HDEL", leases, "" },
    { "HSCAN", leases, "0" },
    { "HLEN", leases },
    { "SCARD", processed[1] },
    { "SMISMEMBER", processed[1], "" },
    { "SADD", processed[1], "" },
    { "SREM", processed[1], "" },
    { "UNLINK", processed[1] },
    { "PEXPIREAT", processed[1], 1 },
    { "ZCARD", retries },
    { "ZADD", retries, 0, "" },
    { "ZRANGE", retries, 0, 0 },
    { "ZRANGEBYSCORE", retries, 0, 0 },
    { "ZREM", retries, "" },
    { "ZSCORE", retries, "" },
    { "HGET", meta, "" },
    { "HINCRBY", meta, "", 1 },
    { "TYPE", meta },
    { "TIME" },
  }
  for _, command in ipairs(commands) do
    if not redis.acl_check_cmd(unpack(command)) then
      return string.lower(command[1])
    end
  end
end

local function differences(recorded, asked)
  local found = {}
  for n, setting in ipairs(SETTINGS) do
    if recorded[n] and tonumber(recorded[n]) ~= asked[n] then
      found[#found + 1] = setting
      found[#found + 1] = recorded[n]
      found[#found + 1] = ARGV[6 + n]
    end
  end
  return found
end

-- Makes a group again where it was: at its low-water ID, unless the stream is another one that ends before it.
local function heal(group, low_water)
  local last_id = stream_info.last_id(stream)
  if ids.less(last_id, low_water) then
    low_water = "0-0"
  end
  balance.lost_at_heal(stream, meta, state, low_water, clock.now())
  redis.call("UNLINK", leases, retries)
  redis.call("XGROUP", "CREATE", stream, group, low_water, "MKSTREAM")
  redis.call("HSET", state, "readTo", last_id)
  return low_water
end

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation = args.nonce(ARGV[3], "incarnation")
  local mode, start_from, change = ARGV[4], ARGV[5], args.flag(ARGV[6], "change")
  if mode ~= "TAKE" and mode ~= "REJOIN" then
    args.bad("mode", mode, "wanted TAKE or REJOIN")
  end
  if start_from ~= "$" then
    args.id(start_from, "startFrom")
  end
  local asked = {
    args.int(ARGV[7], "idempotencyTtlMs", 1, constants.MAX_SPAN_MS),
    args.int(ARGV[8], "leaseMs", 1, constants.MAX_SPAN_MS),
    args.int(ARGV[9], "maxAttempts", 1, constants.MAX_ATTEMPTS),
  }
  local types_declared, seen = {}, {}
  if #ARGV > HEAD + constants.MAX_TYPES then
    args.bad("types", #ARGV - HEAD, "wanted at most " .. constants.MAX_TYPES)
  end
  for at = HEAD + 1, #ARGV do
    local event_type = args.event_type(ARGV[at], "type")
    if not seen[event_type] then
      types_declared[#types_declared + 1], seen[event_type] = event_type, true
    end
  end
  -- Before anything is asked: a command that is not allowed would end the script with an error that is no NOPERM.
  local forbidden = forbidden_command(group)
  if forbidden then
    return { status.NOPERM, forbidden }
  end
  local refusal = types.refusal(TYPES) or protocol.refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  local other = differences(redis.call("HMGET", state, unpack(SETTINGS)), asked)
  if #other > 0 and not change then
    return { status.SETTINGS, unpack(other) }
  end
  local incarnation_field = group_state.incarnation_field(consumer)
  local holder = redis.call("HGET", state, incarnation_field)
  if mode == "REJOIN" and holder and holder ~= incarnation then
    return { status.SUPERSEDED }
  end

  local low_water = redis.call("HGET", meta, lowwater.field(group))
  local existing = lowwater.group(stream, group)
  local how = status.JOINED
  if existing then
    -- A first write that does not grow, so that a server at maxmemory lets a consumer in to drain it.
    redis.call("HDEL", state, "")
    low_water = low_water or lowwater.of(stream, existing)
  elseif low_water or mode == "REJOIN" and start_from ~= "$" then
    local was_recorded = low_water
    how, low_water = status.HEALED, heal(group, low_water or start_from)
    if not was_recorded then
      -- Nobody knows how many events went with what was recorded of them.
      balance.lose(state, 0, nil, true, clock.now())
    end
  else
    how = status.CREATED
    low_water = start_from == "$" and stream_info.last_id(stream) or start_from
    redis.call("XGROUP", "CREATE", stream, group, low_water, "MKSTREAM")
  end
  redis.call("HSET", meta, "protocol", protocol.CURRENT, lowwater.field(group), low_water)
  redis.call("HSET", state, incarnation_field, incarnation)
  for n, setting in ipairs(SETTINGS) do
    redis.call("HSET", state, setting, asked[n])
  end
  local now = clock.now()
  declarations.declare(state, consumer, types_declared, now)
  local _, loaded = group_state.load(meta, state, consumer)
  ring.turn(loaded.ring(processed, now), state)
  balance.begin({ stream = stream, meta = meta, group = group, state = state })
  return { status.OK, how, low_water, now }
end

return args.guarded(TYPES, run)
