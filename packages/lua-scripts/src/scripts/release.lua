--- release: give entries back, due at once for any consumer, without burning an attempt.
--
-- A consumer that stops in good order has not failed at what it could not finish, so the attempt keeps its number. So
-- has one that finds that a newer process goes by its name, or that another consumer took what it still runs: it is
-- alive, so the run that was taken over did not die. Such an entry is TAKEN: if the newer attempt was counted for that,
-- the pending list's count goes back by one. The token shows whose run it was; so a process that was superseded may
-- give back what it has a token of its own for, and nothing else. The entry that it ran as a suspect stays one.
--
-- It may hold entries that it never heard of, because the reply that would have brought them was lost. Of those it
-- knows the ID alone: the key is read from the stream, and a token is its own if the nonce is its incarnation, `_` and
-- more.
--
-- @key   stream       STREAM
-- @key   meta         HASH    protocol
-- @key   leases       HASH    idempotency key -> token
-- @key   retries      ZSET    waiting entries by due time
-- @key   state        HASH    group settings, incarnations, what each has begun
-- @arg   group        string
-- @arg   consumer     string
-- @arg   incarnation  string  which process goes by the consumer's name
-- @arg   entries      list of (entry_id, idempotency_key or empty, token or empty: not leased as far as the caller
--                     knows), 1..1000
-- @reply OK, then RELEASED | TAKEN | LOST in the order asked
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant the count of attempts never goes up
-- @cost  O(N) in the entries asked
-- @since protocol 1
local args = require("args")
local begun = require("begun")
local chunks = require("chunks")
local clock = require("clock")
local entries = require("entries")
local group_state = require("group")
local marks = require("marks")
local pending = require("pending")
local status = require("status")
local tokens = require("tokens")

local stream, meta, leases, retries, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local TYPES = { "stream", "hash", "hash", "zset", "hash" }
local HEAD, WIDTH = 3, 3

-- Whether the caller may give back the entry that has this token, or none.
local function may_release(entry, current, incarnation, is_superseded)
  if entry.token ~= "" then
    return current == entry.token
  end
  if is_superseded then
    return false
  end
  local by = incarnation .. "_"
  local is_own = current and string.sub(tokens.nonce(current), 1, #by) == by
  return not current or tokens.entry(current) ~= entry.id or is_own
end

-- Whether a run of the caller's was taken over by a newer attempt of the same entry.
local function was_taken(entry, current, consumer, incarnation)
  local by, process = tokens.issued_by(entry.token)
  local is_own = by == consumer and process == incarnation
  return is_own and current and current ~= entry.token and tokens.entry(current) == entry.id
end

-- Whether that attempt was counted for the take-over, and the count has not gone back since. The caller's own number
-- may be one above the count of its day, for the same reason.
local function was_counted(entry, current, about)
  local mine, newer = tokens.history(entry.token), tokens.history(current)
  return mine and newer and about[4] == newer and newer > 1 and (newer == mine or newer == mine + 1)
end

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation = args.nonce(ARGV[3], "incarnation")
  local asked = {}
  for n = 1, args.items(HEAD + 1, WIDTH) do
    local at = HEAD + (n - 1) * WIDTH
    local id, key = args.id(ARGV[at + 1], "entry_id"), args.entry_key(ARGV[at + 2], "idempotency_key")
    asked[n] = { id = id, key = key, token = ARGV[at + 3] }
  end
  redis.call("ZCARD", retries) -- not read before it is written: see types.lua
  local refusal = group_state.join(meta, state, consumer, incarnation)
  local is_superseded = refusal and refusal[1] == status.SUPERSEDED
  if refusal and not is_superseded then
    return refusal
  end
  if not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end

  local now = clock.now()
  local held_as = {}
  for n, entry in ipairs(asked) do
    local fields = entry.key == "" and entry.token == "" and entries.read(stream, entry.id)
    held_as[n] = marks.of_key(fields and entries.key(fields) or entry.key, entry.id)
  end
  local held = chunks.ask("HMGET", leases, held_as)
  local suspect = begun.suspect(state, consumer, incarnation)
  local reply, released, taken, done = { status.OK }, {}, {}, {}
  for n, entry in ipairs(asked) do
    local about, current = pending.entry(stream, group, entry.id), held[n] or nil
    local is_open = about and not done[entry.id]
    local holds = is_open and about[2] == consumer and may_release(entry, current, incarnation, is_superseded)
    local is_taken = is_open and not holds and was_taken(entry, current, consumer, incarnation)
    done[entry.id] = done[entry.id] or holds or is_taken
    reply[n + 1] = holds and status.RELEASED or is_taken and status.TAKEN or status.LOST
    if is_taken and was_counted(entry, current, about) then
      taken[#taken + 1] = about
    elseif holds then
      local is_leased = current and tokens.entry(current) == entry.id
      local _, first_ms = tokens.history(is_leased and current or "")
      released[#released + 1] = {
        id = entry.id,
        attempt = about[4],
        first_ms = first_ms or now,
        due_at = entry.id == suspect and pending.SUSPECT or now,
        held_as = is_leased and held_as[n],
      }
    end
  end
  for _, entry in ipairs(released) do
    pending.park(stream, group, retries, entry.id, entry.attempt, entry.first_ms, entry.due_at)
    if entry.held_as then
      redis.call("HDEL", leases, entry.held_as)
    end
  end
  for _, about in ipairs(taken) do
    pending.recount(stream, group, about, about[4] - 1)
  end
  return reply
end

return args.guarded(TYPES, run)
