--- lease: decide, for a batch that XREADGROUP delivered, which entries this consumer may handle.
--
-- XREADGROUP hands out entries, not the right to handle them: a key may be processed already, or be in another
-- consumer's hands at this moment. Only IDs and keys come here; the events stay in the client, since Redis would
-- spend twice as long on returning them through Lua.
--
-- The verdicts are reached in this order. LOST: the entry is not pending with this consumer at its first delivery,
-- or has a token; somebody else judged it, and recovery takes care of it. DUPLICATE: its key is processed, so it is
-- acknowledged here. DEFERRED: another entry that is still pending holds the key; this one waits, since that
-- attempt may yet fail. LEASED: the token `entryId|consumer|1|nonce.now` is recorded, and the lease clock restarted.
--
-- The first write is an XCLAIM or an XACK, which do not grow: a server at maxmemory lets the rest pass, so that
-- consumers can drain it.
--
-- @key   stream          STREAM
-- @key   meta            HASH    protocol
-- @key   leases          HASH    idempotency key -> token
-- @key   processed.0..4  SET     ring of processed keys
-- @key   retries         ZSET    waiting entries by due time
-- @key   state           HASH    group settings, ring, incarnations
-- @arg   group           string
-- @arg   consumer        string
-- @arg   incarnation     string  which process goes by the consumer's name
-- @arg   nonce           string  1 to 64 of A-Z a-z 0-9 _ -, unique per process and call
-- @arg   entries         list of (entry_id, idempotency_key or empty), 1..1000, in the order delivered
-- @reply OK, milliseconds until the next waiting entry is due (-1: none waits), now in milliseconds,
--        then LEASED | DUPLICATE | DEFERRED | LOST in the order asked
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply SUPERSEDED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a key is LEASED to one entry at a time
-- @invariant a LEASED entry's key is not processed
-- @cost  O(N) in the entries asked
-- @since protocol 1
local args = require("args")
local clock = require("clock")
local chunks = require("chunks")
local deferral = require("deferral")
local group_state = require("group")
local ids = require("ids")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local tokens = require("tokens")
local types = require("types")

local stream, meta, leases = KEYS[1], KEYS[2], KEYS[3]
local processed = { KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8] }
local retries, state = KEYS[9], KEYS[10]
local HEAD, WIDTH = 4, 2

-- The entries asked that are pending with this consumer at their first delivery, as a set. One look at the range
-- finds a batch as it was delivered; what it does not show is asked for by ID.
local function first_deliveries(group, consumer, asked)
  local found = {}
  local function note(about)
    if about and about[2] == consumer and about[4] == 1 then
      found[about[1]] = true
    end
  end
  if not ids.less(asked[#asked], asked[1]) then
    local range = redis.call("XPENDING", stream, group, asked[1], asked[#asked], #asked, consumer)
    for at = 1, #range do
      note(range[at])
    end
  end
  for at = 1, #asked do
    if not found[asked[at]] then
      note(pending.entry(stream, group, asked[at]))
    end
  end
  return found
end

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation, nonce = args.nonce(ARGV[3], "incarnation"), args.nonce(ARGV[4], "nonce")
  local count = args.items(HEAD + 1, WIDTH)
  local asked, held_as, members = {}, {}, {}
  for n = 1, count do
    local at = HEAD + (n - 1) * WIDTH
    asked[n] = args.id(ARGV[at + 1], "entry_id")
    held_as[n] = marks.of_key(args.entry_key(ARGV[at + 2], "idempotency_key"), asked[n])
    members[n] = held_as[n]
  end
  local refusal = types.refusal(
    stream,
    "stream",
    meta,
    "hash",
    leases,
    "hash",
    retries,
    "zset",
    state,
    "hash"
  ) or types.refusal_of_all(processed, "set")
  if refusal then
    return refusal
  end
  local loaded
  refusal, loaded = group_state.join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end

  local now = clock.now()
  local mine = first_deliveries(group, consumer, asked)
  local held = chunks.ask("HMGET", leases, held_as)
  for n = 1, count do
    if not ids.less(loaded.read_to, asked[n]) then
      members[#members + 1] = marks.of_entry(asked[n])
    end
  end
  local settled = ring.remembers(loaded.ring(processed, now), members)

  local verdicts, duplicates, leased, deferred, new_tokens, taken = {}, {}, {}, {}, {}, {}
  for n = 1, count do
    local id, key = asked[n], held_as[n]
    local token = taken[key] or held[n]
    if not mine[id] or token and tokens.entry(token) == id then
      verdicts[n] = status.LOST
    elseif settled[key] or settled[marks.of_entry(id)] then
      verdicts[n] = status.DUPLICATE
      duplicates[#duplicates + 1] = id
    else
      local holder = taken[key] or deferral.holder(stream, group, token, id)
      if holder then
        verdicts[n] = status.DEFERRED
        deferred[#deferred + 1] = { id = id, due_at = deferral.due_at(holder, now) }
      else
        verdicts[n] = status.LEASED
        leased[#leased + 1] = id
        taken[key] = tokens.make(id, consumer, 1, nonce, now)
        new_tokens[#new_tokens + 1] = key
        new_tokens[#new_tokens + 1] = taken[key]
      end
    end
    mine[id] = nil
  end

  pending.touch(stream, group, consumer, leased)
  pending.acknowledge(stream, group, duplicates)
  for _, entry in ipairs(deferred) do
    pending.park(stream, group, retries, entry.id, 1, now, entry.due_at)
  end
  chunks.call(new_tokens, 2, "HSET", leases)

  return { status.OK, pending.next_due_in(retries, now), now, unpack(verdicts) }
end

return args.guarded(10, run)
