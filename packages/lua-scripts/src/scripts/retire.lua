--- retire: remove consumers that have nothing pending.
--
-- XGROUP DELCONSUMER drops what the consumer has pending, and with it the entry: so whether it has any is asked in the
-- same call. The waiting entries' own consumer is never removed. With a consumer goes what it declared: events of a
-- type that nobody declares any more are skipped again by those who have no handler for it.
--
-- @key   stream       STREAM
-- @key   meta         HASH    protocol
-- @key   state        HASH    incarnations, what each has begun, declared types
-- @arg   group        string
-- @arg   idleMs       integer milliseconds that a consumer has been idle for at least
-- @arg   consumer     string, or empty for every consumer of the group
-- @arg   incarnation  string: only if this process still goes by the consumer's name; empty for whoever does
-- @reply OK, then the names of the consumers removed
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a consumer with a pending entry stays
-- @cost  O(C) in the group's consumers
-- @since protocol 1
local args = require("args")
local constants = require("constants")
local group_state = require("group")
local pending = require("pending")
local protocol = require("protocol")
local status = require("status")
local types = require("types")

local stream, meta, state = KEYS[1], KEYS[2], KEYS[3]
local TYPES = { "stream", "hash", "hash" }

local function goes_by(name, incarnation)
  return not incarnation or redis.call("HGET", state, group_state.incarnation_field(name)) == incarnation
end

local function run()
  local group = args.name(ARGV[1], "group")
  local idle_ms = args.int(ARGV[2], "idleMs", 0, constants.MAX_SPAN_MS)
  local only = ARGV[3] ~= "" and args.name(ARGV[3], "consumer")
  local incarnation = ARGV[4] ~= "" and args.nonce(ARGV[4], "incarnation")
  if #ARGV ~= 4 then
    args.bad("ARGV", #ARGV, "wanted 4 values")
  end
  local refusal = types.refusal(TYPES) or protocol.refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  if not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end

  local reply, here = { status.OK }, {}
  for _, about in ipairs(redis.call("XINFO", "CONSUMERS", stream, group)) do
    local name, held, idle = about[2], about[4], about[6]
    here[name] = true
    local asked = name ~= pending.WAITING and (not only or name == only)
    if asked and held == 0 and idle >= idle_ms and goes_by(name, incarnation) then
      redis.call("XGROUP", "DELCONSUMER", stream, group, name)
      group_state.forget(state, name)
      reply[#reply + 1] = name
    end
  end
  if only and incarnation and not here[only] and goes_by(only, incarnation) then
    group_state.forget(state, only) -- it has opened the group, and never read from it
  end
  return reply
end

return args.guarded(TYPES, run)
