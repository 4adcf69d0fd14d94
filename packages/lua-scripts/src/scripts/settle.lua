--- settle: end a batch of attempts, each judged alone.
--
-- Everything that an attempt's end means happens here or not at all: the acknowledgement, the processed mark, the
-- events the handler emitted, the wait for the next attempt, the dead letter. The fence is the token: whoever was
-- paused past its lease finds another token under the key and is refused, however late it comes. No check of the
-- processed ring here: a token is issued for a key that is not processed, and only one at a time.
--
-- An event that the consumer has no handler for is told with its type. If another consumer of the group declares that
-- type, which is what a rolling deployment looks like, it is handed back: it waits for that consumer, as the same
-- attempt, and whoever has no handler for it does not get it again (`declarations.lua`).
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
-- @key   state           HASH    group settings, ring, incarnations, declared types
-- @arg   group           string
-- @arg   consumer        string
-- @arg   incarnation     string  which process goes by the consumer's name
-- @arg   windowMs        integer milliseconds, the publish window for emitted keys; 0 for none
-- @arg   attempts        1..1000 in all, each time one of
--                        SUCCESSES, tail, N, then N times (idempotency_key, entry_id): successes that emitted nothing,
--                        and whose tokens end alike: each is the entry's ID and the tail `|consumer|attempt|nonce`;
--                        SUCCESS, idempotency_key, token, N, then N times (idempotency_key, event, fingerprint or
--                        empty: not through the publish window);
--                        SKIP, idempotency_key, token;
--                        UNHANDLED, idempotency_key, token, type, message: no handler of the consumer declares the
--                        type. Unless another consumer of the group does it is skipped, or, if there is a message, a
--                        dead letter;
--                        RETRY, idempotency_key, token, delayMs, message;
--                        FAILURE, idempotency_key, token, reason, message
-- @reply OK, milliseconds until the next waiting entry is due (-1: none waits), now in milliseconds,
--        then (position, WAITING | HANDED_BACK | DEAD | FENCED) for each attempt that is not SETTLED; positions count
--        from 1 in the order asked, and ascend
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply SUPERSEDED
-- @reply EXHAUSTED: the dead letters' last ID is the greatest there is, and one would have to follow it
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a key is committed once while it is remembered
-- @invariant an entry that is acknowledged is processed, skipped or a dead letter
-- @invariant an event is not skipped for want of a handler while another consumer of the group declares its type
-- @cost  O(N + E) in the attempts and the events emitted
-- @since protocol 1
local args = require("args")
local balance = require("balance")
local chunks = require("chunks")
local clock = require("clock")
local constants = require("constants")
local dead_letters = require("dead")
local declarations = require("declarations")
local endings_told = require("endings")
local entries = require("entries")
local group_state = require("group")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local tokens = require("tokens")
local window = require("window")

local stream, meta, published_0, published_1, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local processed = { KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10] }
local retries, dead, state = KEYS[11], KEYS[12], KEYS[13]
local TYPES =
  { "stream", "hash", "hash", "hash", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD = 4

local PLAIN, FENCED, SKIPPED = endings_told.PLAIN, endings_told.FENCED, endings_told.SKIPPED

-- Whether a key and token can be those of any attempt. A token that is current under its key was looked at when it was
-- issued: only others are looked at here.
local function check(attempts, n)
  args.id(attempts.ids[n], "token")
  args.entry_key(attempts.keys[n], "idempotency_key")
  if not tokens.history(attempts.tokens[n]) then
    args.bad(
      "token",
      attempts.tokens[n],
      "wanted entryId|consumer|attempt|nonce as lease or recover issued it"
    )
  end
end

local function dead_letter(reason, message)
  return { outcome = status.FAILURE, reason = reason, message = message }
end

-- The number of an attempt that is to be tried again: the pending list's count, which is below the token's number where
-- the run before was taken over rather than died (release.lua).
local function attempt_of(group, id, token)
  local about, attempt = pending.entry(stream, group, id), tokens.history(token)
  return about and math.min(about[4], attempt) or attempt
end

-- Fences the attempts whose token is not the current one. One that may not be tried again becomes a dead letter.
-- Tells whether all have ended as most do.
local function fence(attempts, group, max_attempts)
  local current = chunks.ask("HMGET", leases, attempts.held_as)
  local endings, spent, all_plain = attempts.endings, {}, true
  for n, token in ipairs(attempts.tokens) do
    if current[n] ~= token then
      check(attempts, n)
      endings[n] = FENCED
    elseif spent[token] then
      endings[n] = FENCED
    else
      spent[token] = true
      if endings[n].outcome == status.RETRY then
        local attempt = attempt_of(group, attempts.ids[n], token)
        if attempt >= max_attempts then
          endings[n] = dead_letter(status.MAX_ATTEMPTS, endings[n].message)
        end
        endings[n].attempt = attempt
      end
    end
    all_plain = all_plain and endings[n] == PLAIN
  end
  return all_plain
end

-- What becomes of events that no handler of this consumer is for.
local function judge_unhandled(endings, consumer)
  local types, seen = {}, {}
  for _, ending in ipairs(endings) do
    local event_type = ending.event_type
    if event_type and not seen[event_type] then
      types[#types + 1], seen[event_type] = event_type, true
    end
  end
  if #types == 0 then
    return
  end
  local numbers = declarations.of_others(state, consumer, types)
  for n, ending in ipairs(endings) do
    if ending.outcome == status.UNHANDLED then
      local number = numbers[ending.event_type]
      if number then
        endings[n] = { outcome = status.HANDED_BACK, score = declarations.score(number) }
      elseif ending.message == "" then
        endings[n] = SKIPPED
      else
        endings[n] = dead_letter(status.UNHANDLED, ending.message)
      end
    end
  end
end

-- What of the emitted events is new, or what becomes of the attempt if they cannot be published. `known` is what the
-- publish window remembers, `batch` what this call publishes under keys that handlers named.
local function judge_emits(ending, publish_window, known, batch)
  local new, named = {}, {}
  for _, emit in ipairs(ending.emits) do
    local windowed = publish_window and emit.fingerprint ~= ""
    local first = windowed
      and (known[emit.key] and known[emit.key].fingerprint or batch[emit.key] or named[emit.key])
    if first and first ~= emit.fingerprint then
      return dead_letter(
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
  for key, fingerprint in pairs(named) do
    batch[key] = fingerprint
  end
  return { outcome = ending.outcome, emits = new }
end

-- The publish window if any of the attempts emits an event.
local function judge_all_emits(endings, window_ms, now)
  local keys, emitting = {}, {}
  for n, ending in ipairs(endings) do
    local emits = ending.emits
    if emits and #emits > 0 then
      emitting[#emitting + 1] = n
      for _, emit in ipairs(emits) do
        if emit.fingerprint ~= "" then
          keys[#keys + 1] = emit.key
        end
      end
    end
  end
  if #emitting == 0 then
    return nil
  end
  local recorded = redis.call("HMGET", meta, unpack(window.FIELDS))
  local publish_window = window_ms > 0 and window.at({ published_0, published_1 }, recorded, window_ms, now)
  local known = publish_window and window.published(publish_window, stream, meta, keys) or {}
  local last_id = stream_info.last_id(stream)
  local batch = {}
  for _, n in ipairs(emitting) do
    if stream_info.has_room(last_id) then
      endings[n] = judge_emits(endings[n], publish_window, known, batch)
    else
      local message = "emit: the stream's last ID " .. last_id .. " leaves no room"
      endings[n] = dead_letter(status.EMIT_REJECTED, message)
    end
  end
  return publish_window
end

-- A dead letter that cannot be written would be lost, since its entry is acknowledged by then.
local function has_room_for_dead(endings)
  for _, ending in ipairs(endings) do
    if ending.outcome == status.FAILURE then
      return stream_info.has_room(stream_info.last_id(dead))
    end
  end
  return true
end

-- What is to be done: what is written for many at a time, and the attempts that are looked at one by one. What is not
-- SETTLED goes to the reply.
local function plan(attempts, all_plain, reply)
  local ids, held_as = attempts.ids, attempts.held_as
  local todo = { waiting = {}, handed_back = {}, emitting = {}, letters = {} }
  if all_plain then
    todo.acknowledged, todo.released, todo.members = ids, held_as, held_as
    return todo
  end
  local acknowledged, released, members = {}, {}, {}
  for n, ending in ipairs(attempts.endings) do
    local outcome = ending.outcome
    local exception
    if outcome == status.FENCED then
      exception = status.FENCED
    else
      released[#released + 1] = held_as[n]
      if outcome == status.RETRY then
        exception = status.WAITING
        todo.waiting[#todo.waiting + 1] = n
      elseif outcome == status.HANDED_BACK then
        exception = status.HANDED_BACK
        todo.handed_back[#todo.handed_back + 1] = n
      else
        acknowledged[#acknowledged + 1] = ids[n]
      end
    end
    if outcome == status.SUCCESS then
      members[#members + 1] = held_as[n]
      if ending ~= PLAIN then
        todo.emitting[#todo.emitting + 1] = n
      end
    elseif outcome == status.FAILURE then
      exception = status.DEAD
      ending.fields = entries.read(stream, ids[n])
      members[#members + 1] = marks.of_entry(ids[n])
      todo.letters[#todo.letters + 1] = n
    end
    if exception then
      reply[#reply + 1] = n
      reply[#reply + 1] = exception
    end
  end
  todo.acknowledged, todo.released, todo.members = acknowledged, released, members
  return todo
end

local function publish(endings, emitting, publish_window)
  local published = {}
  for _, n in ipairs(emitting) do
    for _, emit in ipairs(endings[n].emits) do
      local id = redis.call("XADD", stream, "*", "key", emit.key, "event", emit.event)
      if publish_window and emit.fingerprint ~= "" then
        published[#published + 1] = emit.key
        published[#published + 1] = id .. "|" .. emit.fingerprint
      end
    end
  end
  if #published > 0 then
    window.add(publish_window, meta, published)
  end
end

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation = args.nonce(ARGV[3], "incarnation")
  local window_ms = args.int(ARGV[4], "windowMs", 0, constants.MAX_SPAN_MS)
  local attempts = endings_told.from(HEAD + 1)
  local ids, endings = attempts.ids, attempts.endings
  -- Not always read before they are written: see types.lua.
  redis.call("HLEN", published_0)
  redis.call("HLEN", published_1)
  redis.call("XLEN", dead)
  local refusal, loaded = group_state.join(meta, state, consumer, incarnation)
  if not refusal and not pending.group_exists(stream, group) then
    refusal = { status.NOGROUP }
  end
  if refusal then
    for n = 1, #ids do
      check(attempts, n)
    end
    return refusal
  end

  local now = clock.now()
  local marked = loaded.ring(processed, now)
  local all_plain = fence(attempts, group, loaded.max_attempts)
  local publish_window
  if not all_plain then
    judge_unhandled(endings, consumer)
    publish_window = judge_all_emits(endings, window_ms, now)
    if not has_room_for_dead(endings) then
      return { status.EXHAUSTED }
    end
  end

  local reply = { status.OK, pending.next_due_in(retries, now), now }
  local todo = plan(attempts, all_plain, reply)

  pending.acknowledge(stream, group, todo.acknowledged)
  balance.settled(state, #todo.acknowledged)
  for _, n in ipairs(todo.waiting) do
    local _, first_ms = tokens.history(attempts.tokens[n])
    -- A wait longer than half the TTL could outlast the memory of what was processed around it.
    local due_at = now + math.min(endings[n].delay_ms, math.floor(loaded.ttl_ms / 2))
    pending.park(stream, group, retries, ids[n], endings[n].attempt + 1, first_ms, due_at)
  end
  for _, n in ipairs(todo.handed_back) do
    local _, first_ms = tokens.history(attempts.tokens[n])
    pending.hand_back(stream, group, retries, ids[n], first_ms, endings[n].score)
  end
  chunks.call(todo.released, 1, "HDEL", leases)
  ring.add(marked, state, todo.members)
  publish(endings, todo.emitting, publish_window)
  for _, n in ipairs(todo.letters) do
    local attempt, first_ms = tokens.history(attempts.tokens[n])
    dead_letters.write(dead, now, {
      id = ids[n],
      reason = endings[n].reason,
      message = endings[n].message,
      attempts = endings[n].attempt or attempt,
      first_ms = first_ms,
    }, group, endings[n].fields)
  end

  if #todo.waiting > 0 then
    reply[2] = pending.next_due_in(retries, now)
  end
  return reply
end

return args.guarded(TYPES, run)
