--- lease: decide, for a batch that XREADGROUP delivered, which entries this consumer may handle.
--
-- XREADGROUP hands out entries, not the right to handle them: a key may be processed already, or be in another
-- consumer's hands at this moment. Only IDs and keys come here; the events stay in the client, since Redis would
-- spend twice as long on returning them through Lua.
--
-- The verdicts are reached in this order. LOST: the entry is not pending with this consumer at its first delivery,
-- or has a token; somebody else judged it, and recovery takes care of it. DUPLICATE: its key is processed, so it is
-- acknowledged here. DEFERRED: another entry that is still pending holds the key; this one waits, since that
-- attempt may yet fail. LEASED: the token `entryId|consumer|1|nonce.now` is recorded, and the lease clock restarted
-- unless it has hardly moved: a batch that comes right after its XREADGROUP would spend a tenth of its time on that.
--
-- A consumer that waits does not know yet what will come. It sends its blocking XREADGROUP and, behind it on the same
-- connection, the second form: that runs when the read is over, and leases what came before its caller has heard of it.
-- Keys are then read from the stream, which costs more for each entry than a round trip saves where there are many.
--
-- The first write does not grow, so that a server at maxmemory lets the rest pass, and consumers can drain it.
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
-- @arg   nonce           string  the incarnation, `_` and the number of the process's call, 1 to 64 of A-Z a-z 0-9 _ -
-- @arg   entries         list of (entry_id, idempotency_key or empty), 1..1000, in the order delivered; or
--                        AFTER, entry_id, max: what this consumer was delivered behind that ID, the first 1..1000
-- @reply OK, milliseconds until the next waiting entry is due (-1: none waits), now in milliseconds,
--        then (position, DUPLICATE | DEFERRED | LOST) for each entry that is not LEASED; positions count from 1 in the
--        order asked, and ascend. To AFTER: (entry_id, LEASED | DUPLICATE | DEFERRED | LOST) for each entry found
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
local balance = require("balance")
local clock = require("clock")
local chunks = require("chunks")
local constants = require("constants")
local deferral = require("deferral")
local entries = require("entries")
local group_state = require("group")
local ids = require("ids")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local tokens = require("tokens")

local stream, meta, leases = KEYS[1], KEYS[2], KEYS[3]
local processed = { KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8] }
local retries, state = KEYS[9], KEYS[10]
local TYPES = { "stream", "hash", "hash", "set", "set", "set", "set", "set", "zset", "hash" }
local HEAD, WIDTH = 4, 2

-- For how long each entry asked has been idle, if it is pending with this consumer at its first delivery and was not
-- asked before; else false. Nil if there is no group. One look at the range shows a batch as it was delivered: what
-- Redis shows is an ID. Only where it shows anything else, or refuses to be asked, is each looked at by itself.
local function first_deliveries(group, consumer, asked)
  local range = redis.pcall("XPENDING", stream, group, asked[1], asked[#asked], #asked, consumer)
  local idle, in_order = {}, true
  for n = 1, #asked do
    local about = range[n]
    in_order = in_order and about and about[1] == asked[n]
    idle[n] = in_order and about[4] == 1 and about[3]
  end
  if in_order then
    return idle
  end
  for n = 1, #asked do
    args.id(asked[n], "entry_id")
  end
  if not pending.group_exists(stream, group) then
    return nil
  end
  local seen = {}
  for n, id in ipairs(asked) do
    local about = not seen[id] and pending.entry(stream, group, id)
    idle[n] = about and about[2] == consumer and about[4] == 1 and about[3]
    seen[id] = true
  end
  return idle
end

-- Which keys are processed, and which IDs are those of dead letters: as `ring.remembers` answers. IDs are asked about
-- only up to where a group that was lost had read.
local function remembered(processed_ring, read_to, asked, held_as)
  if read_to == "0-0" then
    return ring.remembers(processed_ring, held_as)
  end
  local members = { unpack(held_as) }
  for n = 1, #asked do
    if not ids.less(read_to, asked[n]) then
      members[#members + 1] = marks.of_entry(asked[n])
    end
  end
  return ring.remembers(processed_ring, members)
end

-- The entries in ARGV: their IDs and what their keys are held as.
local function listed()
  local asked, held_as = {}, {}
  for n = 1, args.items(HEAD + 1, WIDTH) do
    local id, key = ARGV[HEAD + n * WIDTH - 1], ARGV[HEAD + n * WIDTH]
    asked[n] = id
    held_as[n] = marks.of_key(args.entry_key(key, "idempotency_key"), id)
  end
  return asked, held_as
end

-- The same of what the consumer was delivered behind an ID, and for how long each has been idle as `first_deliveries`
-- tells it. An entry that is gone from the stream has no key to be found under: recovery reports it.
local function delivered_after(group, consumer, after, max)
  local asked, held_as, idle = {}, {}, {}
  local range = redis.pcall("XPENDING", stream, group, "(" .. after, "+", max, consumer)
  if range.err and not pending.group_exists(stream, group) then
    return asked, held_as, nil
  end
  for n = 1, #range do
    local id, fields = range[n][1], entries.read(stream, range[n][1])
    if fields then
      asked[#asked + 1] = id
      held_as[#asked] = marks.of_key(entries.key(fields), id)
      idle[#asked] = range[n][4] == 1 and range[n][3]
    end
  end
  return asked, held_as, idle
end

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation, nonce = args.nonce(ARGV[3], "incarnation"), args.nonce(ARGV[4], "nonce")
  local after, max, asked, held_as, idle
  if ARGV[HEAD + 1] == "AFTER" then
    after = args.id(ARGV[HEAD + 2], "entry_id")
    max = args.int(ARGV[HEAD + 3], "max", 1, constants.MAX_ENTRIES)
  else
    asked, held_as = listed()
  end
  local refusal, loaded = group_state.join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if after then
    asked, held_as, idle = delivered_after(group, consumer, after, max)
  else
    idle = first_deliveries(group, consumer, asked)
  end
  if not idle then
    return { status.NOGROUP }
  end

  local now = clock.now()
  local held = chunks.ask("HMGET", leases, held_as)
  local settled = remembered(loaded.ring(processed, now), loaded.read_to, asked, held_as)

  local tail = tokens.tail(consumer, 1, nonce, now)
  local reply = { status.OK, pending.next_due_in(retries, now), now }
  local rested_ms = loaded.lease_ms / constants.LEASE_PARTS
  local any_settled = next(settled) ~= nil -- asked once: a mark made for each entry is a tenth of the call
  local leased = 0
  local duplicates, restarted, deferred, new_tokens, taken = {}, {}, {}, {}, {}
  for n = 1, #asked do
    local id, key = asked[n], held_as[n]
    local token = taken[key] or held[n]
    local exception
    if not idle[n] or token and tokens.entry(token) == id then
      exception = status.LOST
    elseif any_settled and (settled[key] or settled[marks.of_entry(id)]) then
      exception = status.DUPLICATE
      duplicates[#duplicates + 1] = id
    else
      local holder = taken[key] or token and deferral.holder(stream, group, token, id)
      if holder then
        exception = status.DEFERRED
        deferred[#deferred + 1] = { id = id, due_at = deferral.due_at(holder, now) }
      else
        taken[key] = id .. tail
        if idle[n] > rested_ms then
          restarted[#restarted + 1] = id
        end
        leased = leased + 1
        new_tokens[2 * leased - 1], new_tokens[2 * leased] = key, taken[key]
      end
    end
    if after or exception then
      reply[#reply + 1] = after and id or n
      reply[#reply + 1] = exception or status.LEASED
    end
  end

  redis.call("HDEL", leases, "") -- a first write that does not grow
  pending.touch(stream, group, consumer, restarted)
  pending.acknowledge(stream, group, duplicates)
  balance.settled(state, #duplicates)
  for _, entry in ipairs(deferred) do
    pending.park(stream, group, retries, entry.id, 1, now, entry.due_at)
  end
  chunks.call(new_tokens, 2, "HSET", leases)

  if #deferred > 0 then
    reply[2] = pending.next_due_in(retries, now)
  end
  return reply
end

return args.guarded(TYPES, run)
