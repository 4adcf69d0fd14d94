--- settle: end a batch of attempts, each judged alone.
--
-- Everything that an attempt's end means happens here or not at all: the acknowledgement, the processed mark, the
-- events the handler emitted, the wait for the next attempt, the dead letter. The fence is the token: whoever was
-- paused past its lease finds another token under the key and is refused, however late it comes. No check of the
-- processed ring here: a token is issued for a key that is not processed, and only one at a time.
--
-- Entries are acknowledged before anything that grows, since Redis lets a script that has written pass at maxmemory:
-- consumers drain a full server. Emitted events pass the length limit for the same reason.
--
-- @key   stream          STREAM
-- @key   meta            HASH    protocol, publish window state
-- @key   published.0     HASH    publish window, for the keys that a handler names
-- @key   published.1     HASH    the other generation
-- @key   leases          HASH    idempotency key -> token
-- @key   processed.0..4  SET     ring of processed keys
-- @key   retries         ZSET    waiting entries by due time
-- @key   dead            STREAM  dead letters
-- @key   state           HASH    group settings, ring, incarnations
-- @arg   group           string
-- @arg   consumer        string
-- @arg   incarnation     string  which process goes by the consumer's name
-- @arg   windowMs        integer milliseconds, the publish window for emitted keys; 0 for none
-- @arg   attempts        1..1000 times, one of
--                        SUCCESS, idempotency_key, token, N, then N times (idempotency_key, event, fingerprint or
--                        empty: not through the publish window);
--                        SKIP, idempotency_key, token;
--                        RETRY, idempotency_key, token, delayMs, message;
--                        FAILURE, idempotency_key, token, reason, message
-- @reply OK, milliseconds until the next waiting entry is due (-1: none waits), now in milliseconds,
--        then in the order asked SETTLED | WAITING | DEAD | FENCED
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply SUPERSEDED
-- @reply EXHAUSTED: the dead letters' last ID is the greatest there is, and one would have to follow it
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a key is committed once while it is remembered
-- @invariant an entry that is acknowledged is processed, skipped or a dead letter
-- @cost  O(N + E) in the attempts and the events emitted
-- @since protocol 1
local args = require("args")
local chunks = require("chunks")
local clock = require("clock")
local constants = require("constants")
local dead_letters = require("dead")
local entries = require("entries")
local group_state = require("group")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local tokens = require("tokens")
local types = require("types")
local window = require("window")

local stream, meta, published_0, published_1, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local processed = { KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10] }
local retries, dead, state = KEYS[11], KEYS[12], KEYS[13]
local HEAD = 4

local function emits_from(at)
  local count = args.int(ARGV[at], "emits", 0, constants.MAX_EMITS)
  local emits = {}
  for n = 1, count do
    local key, event, fingerprint = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if not fingerprint then
      args.bad("ARGV", #ARGV, "wanted three values for each of " .. count .. " emitted events")
    end
    emits[n] = { key = args.key(key, "emitted key"), event = event, fingerprint = fingerprint }
    at = at + 3
  end
  return emits, at + 1
end

-- One attempt from ARGV[at] on, and where the next one begins.
local function attempt_from(at)
  local outcome, token = ARGV[at], ARGV[at + 2]
  local id = args.id(token and tokens.entry(token), "token")
  local attempt = { outcome = outcome, id = id, token = token }
  attempt.held_as = marks.of_key(args.entry_key(ARGV[at + 1], "idempotency_key"), id)
  attempt.number, attempt.first_ms = tokens.history(token)
  if not attempt.number then
    args.bad("token", token, "wanted entryId|consumer|attempt|nonce as lease or recover issued it")
  end
  if outcome == status.SUCCESS then
    attempt.emits, at = emits_from(at + 3)
  elseif outcome == status.SKIP then
    at = at + 3
  elseif outcome == status.RETRY then
    attempt.delay_ms = args.int(ARGV[at + 3], "delayMs", 0, constants.MAX_SPAN_MS)
    attempt.message = args.text(ARGV[at + 4], "message")
    at = at + 5
  elseif outcome == status.FAILURE then
    attempt.reason = ARGV[at + 3]
    if not attempt.reason or not string.find(attempt.reason, "^[A-Z][A-Z_]*$") or #attempt.reason > 32 then
      args.bad("reason", attempt.reason, "wanted 1 to 32 of A-Z _")
    end
    attempt.message = args.text(ARGV[at + 4], "message")
    at = at + 5
  else
    args.bad("outcome", outcome, "wanted SUCCESS, SKIP, RETRY or FAILURE")
  end
  return attempt, at
end

local function attempts_from(at)
  local attempts = {}
  while ARGV[at] do
    if #attempts == constants.MAX_ENTRIES then
      args.bad("attempts", #attempts + 1, "wanted at most " .. constants.MAX_ENTRIES)
    end
    attempts[#attempts + 1], at = attempt_from(at)
  end
  if #attempts == 0 then
    args.bad("attempts", 0, "wanted 1 to " .. constants.MAX_ENTRIES)
  end
  return attempts
end

-- Turns the attempt into a dead letter.
local function bury(attempt, reason, message)
  attempt.outcome, attempt.reason, attempt.message, attempt.emits = status.FAILURE, reason, message, nil
end

-- Whether the attempt's emitted events can be published, and which are new. `known` is what the publish window
-- remembers, `batch` what this call publishes under keys that handlers named.
local function judge_emits(attempt, publish_window, known, batch)
  local new, named = {}, {}
  for _, emit in ipairs(attempt.emits) do
    local windowed = publish_window and emit.fingerprint ~= ""
    local first = windowed
      and (known[emit.key] and known[emit.key].fingerprint or batch[emit.key] or named[emit.key])
    if first and first ~= emit.fingerprint then
      return bury(
        attempt,
        status.EMIT_REJECTED,
        "emit under key '" .. emit.key .. "': it was published with another payload within the publish window"
      )
    end
    if not first then
      new[#new + 1] = emit
      if windowed then
        named[emit.key] = emit.fingerprint
      end
    end
  end
  attempt.emits = new
  for key, fingerprint in pairs(named) do
    batch[key] = fingerprint
  end
end

local function judge_all_emits(attempts, publish_window)
  local keys, any = {}, false
  for _, attempt in ipairs(attempts) do
    for _, emit in ipairs(attempt.emits or {}) do
      any = true
      if emit.fingerprint ~= "" then
        keys[#keys + 1] = emit.key
      end
    end
  end
  if not any then
    return
  end
  local last_id = stream_info.last_id(stream)
  local known = publish_window and window.published(publish_window, stream, keys) or {}
  local batch = {}
  for _, attempt in ipairs(attempts) do
    if attempt.emits and #attempt.emits > 0 then
      if stream_info.has_room(last_id) then
        judge_emits(attempt, publish_window, known, batch)
      else
        bury(attempt, status.EMIT_REJECTED, "emit: the stream's last ID " .. last_id .. " leaves no room")
      end
    end
  end
end

-- A dead letter that cannot be written would be lost, since its entry is acknowledged by then.
local function has_room_for_dead(ended)
  for _, attempt in ipairs(ended) do
    if attempt.outcome == status.FAILURE then
      return stream_info.has_room(stream_info.last_id(dead))
    end
  end
  return true
end

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation = args.nonce(ARGV[3], "incarnation")
  local window_ms = args.int(ARGV[4], "windowMs", 0, constants.MAX_SPAN_MS)
  local attempts = attempts_from(HEAD + 1)
  local refusal = types.refusal(
    stream,
    "stream",
    meta,
    "hash",
    published_0,
    "hash",
    published_1,
    "hash",
    leases,
    "hash",
    retries,
    "zset",
    dead,
    "stream",
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
  local held_as = {}
  for n, attempt in ipairs(attempts) do
    held_as[n] = attempt.held_as
  end
  local current = chunks.ask("HMGET", leases, held_as)
  local ended, spent = {}, {}
  for n, attempt in ipairs(attempts) do
    if current[n] == attempt.token and not spent[attempt.token] then
      spent[attempt.token] = true
      ended[#ended + 1] = attempt
      if attempt.outcome == status.RETRY and attempt.number >= loaded.max_attempts then
        bury(attempt, status.MAX_ATTEMPTS, attempt.message)
      end
    else
      attempt.verdict = status.FENCED
    end
  end
  local publish_window = window_ms > 0
    and window.at(
      { published_0, published_1 },
      redis.call("HMGET", meta, unpack(window.FIELDS)),
      window_ms,
      now
    )
  judge_all_emits(ended, publish_window)
  if not has_room_for_dead(ended) then
    return { status.EXHAUSTED }
  end

  local acknowledged, released, members = {}, {}, {}
  for _, attempt in ipairs(ended) do
    released[#released + 1] = attempt.held_as
    if attempt.outcome == status.RETRY then
      attempt.verdict = status.WAITING
    else
      acknowledged[#acknowledged + 1] = attempt.id
      attempt.verdict = status.SETTLED
    end
    if attempt.outcome == status.SUCCESS then
      members[#members + 1] = attempt.held_as
    elseif attempt.outcome == status.FAILURE then
      attempt.verdict = status.DEAD
      attempt.fields = entries.read(stream, attempt.id)
      members[#members + 1] = marks.of_entry(attempt.id)
    end
  end

  pending.acknowledge(stream, group, acknowledged)
  for _, attempt in ipairs(ended) do
    if attempt.outcome == status.RETRY then
      -- A wait longer than half the TTL could outlast the memory of what was processed around it.
      local due_at = now + math.min(attempt.delay_ms, math.floor(loaded.ttl_ms / 2))
      pending.park(stream, group, retries, attempt.id, attempt.number + 1, attempt.first_ms, due_at)
    end
  end
  if #released > 0 then
    chunks.call(released, 1, "HDEL", leases)
  end
  ring.add(loaded.ring(processed, now), state, members)
  local published = {}
  for _, attempt in ipairs(ended) do
    for _, emit in ipairs(attempt.emits or {}) do
      local id = redis.call("XADD", stream, "*", "key", emit.key, "event", emit.event)
      if publish_window and emit.fingerprint ~= "" then
        published[#published + 1] = emit.key
        published[#published + 1] = id .. "|" .. emit.fingerprint
      end
    end
    if attempt.outcome == status.FAILURE then
      dead_letters.write(dead, now, {
        id = attempt.id,
        reason = attempt.reason,
        message = attempt.message,
        attempts = attempt.number,
        first_ms = attempt.first_ms,
      }, group, attempt.fields)
    end
  end
  if #published > 0 then
    window.add(publish_window, meta, published)
  end

  local reply = { status.OK, pending.next_due_in(retries, now), now }
  for n, attempt in ipairs(attempts) do
    reply[3 + n] = attempt.verdict
  end
  return reply
end

return args.guarded(13, run)
