--- release: give entries back, due at once for any consumer, without burning an attempt.
--
-- A consumer that stops in good order has not failed at what it could not finish, so the attempt keeps its number.
--
-- @key   stream       STREAM
-- @key   meta         HASH    protocol
-- @key   leases       HASH    idempotency key -> token
-- @key   retries      ZSET    waiting entries by due time
-- @key   state        HASH    group settings, incarnations
-- @arg   group        string
-- @arg   consumer     string
-- @arg   incarnation  string  which process goes by the consumer's name
-- @arg   entries      list of (entry_id, idempotency_key or empty, token or empty: delivered but not leased), 1..1000
-- @reply OK, then RELEASED | LOST in the order asked
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply SUPERSEDED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant the count of attempts stays
-- @cost  O(N) in the entries asked
-- @since protocol 1
local args = require("args")
local chunks = require("chunks")
local clock = require("clock")
local group_state = require("group")
local marks = require("marks")
local pending = require("pending")
local status = require("status")
local tokens = require("tokens")

local stream, meta, leases, retries, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local TYPES = { "stream", "hash", "hash", "zset", "hash" }
local HEAD, WIDTH = 3, 3

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation = args.nonce(ARGV[3], "incarnation")
  local asked, held_as = {}, {}
  for n = 1, args.items(HEAD + 1, WIDTH) do
    local at = HEAD + (n - 1) * WIDTH
    local id = args.id(ARGV[at + 1], "entry_id")
    asked[n] = { id = id, token = ARGV[at + 3] }
    held_as[n] = marks.of_key(args.entry_key(ARGV[at + 2], "idempotency_key"), id)
  end
  redis.call("ZCARD", retries) -- not read before it is written: see types.lua
  local refusal = group_state.join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end

  local now = clock.now()
  local current = chunks.ask("HMGET", leases, held_as)
  local reply, released = { status.OK }, {}
  for n, entry in ipairs(asked) do
    local about = pending.entry(stream, group, entry.id)
    local token = current[n] or ""
    local unleased = token == "" or tokens.entry(token) ~= entry.id
    local holds = about
      and about[2] == consumer
      and (token == entry.token or (entry.token == "" and unleased))
    reply[n + 1] = holds and status.RELEASED or status.LOST
    if holds then
      local _, first_ms = tokens.history(entry.token)
      released[#released + 1] = {
        id = entry.id,
        attempt = about[4],
        first_ms = first_ms or now,
        held_as = not unleased and held_as[n],
      }
    end
  end
  for _, entry in ipairs(released) do
    pending.park(stream, group, retries, entry.id, entry.attempt, entry.first_ms, now)
    if entry.held_as then
      redis.call("HDEL", leases, entry.held_as)
    end
  end
  return reply
end

return args.guarded(TYPES, run)
