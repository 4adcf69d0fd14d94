--- extend: let the consumer that holds an entry keep it for another lease.
--
-- The holder is whoever owns the token, not whoever has the entry in hand: a consumer that was paused past its lease
-- must learn that it lost, and must not push back the new holder's clock.
--
-- @key   stream       STREAM
-- @key   meta         HASH    protocol
-- @key   leases       HASH    idempotency key -> token
-- @key   state        HASH    group settings, incarnations
-- @arg   group        string
-- @arg   consumer     string
-- @arg   incarnation  string  which process goes by the consumer's name
-- @arg   attempts     list of (idempotency_key or empty, token), 1..1000
-- @reply OK, then EXTENDED | LOST in the order asked
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply SUPERSEDED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant the count of attempts stays
-- @cost  O(N) in the attempts asked
-- @since protocol 1
local args = require("args")
local chunks = require("chunks")
local group_state = require("group")
local marks = require("marks")
local pending = require("pending")
local status = require("status")
local tokens = require("tokens")

local stream, meta, leases, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local TYPES = { "stream", "hash", "hash", "hash" }
local HEAD, WIDTH = 3, 2

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation = args.nonce(ARGV[3], "incarnation")
  local held_as, asked = {}, {}
  for n = 1, args.items(HEAD + 1, WIDTH) do
    local key, token = ARGV[HEAD + n * WIDTH - 1], ARGV[HEAD + n * WIDTH]
    local id = args.id(tokens.entry(token), "token")
    held_as[n], asked[n] = marks.of_key(args.entry_key(key, "idempotency_key"), id), token
  end
  local refusal = group_state.join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end

  local current = chunks.ask("HMGET", leases, held_as)
  local reply, kept = { status.OK }, {}
  for n, token in ipairs(asked) do
    local holds = current[n] == token
    reply[n + 1] = holds and status.EXTENDED or status.LOST
    if holds then
      kept[#kept + 1] = tokens.entry(token)
    end
  end
  pending.touch(stream, group, consumer, kept)
  return reply
end

return args.guarded(TYPES, run)
