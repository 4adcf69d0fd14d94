-- sluice settle: generated from src/scripts/settle.lua, do not edit
local ids_UINT64_MAX, ids_split, ids_less
do
  ids_UINT64_MAX = "18446744073709551615"
  local function less_number(a, b)
    if #a ~= #b then
      return #a < #b
    end
    return a < b
  end
  function ids_split(id)
    local ms, seq = string.match(id, "^(%d+)-(%d+)$")
    return ms, seq
  end
  function ids_less(a, b)
    local a_ms, a_seq = ids_split(a)
    local b_ms, b_seq = ids_split(b)
    if a_ms ~= b_ms then
      return less_number(a_ms, b_ms)
    end
    return less_number(a_seq, b_seq)
  end
end
local types_refusal
do
  function types_refusal(wanted)
    for at = 1, #wanted do
      local found = redis.call("TYPE", KEYS[at]).ok
      if found ~= "none" and found ~= wanted[at] then
        return { "WRONGTYPE", KEYS[at], found, wanted[at] }
      end
    end
  end
end
local args_bad, args_int, args_name, args_id, args_key, args_event_type, args_entry_key, args_text, args_nonce, args_guarded
do
  function args_bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\1-\31\127-\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
  end
  function args_int(value, field, min, max)
    local number = value and #value <= 16 and string.find(value, "^%d+$") and tonumber(value)
    if not number or number < min or number > max or (#value > 1 and string.byte(value) == 48) then
      args_bad(field, value, "wanted an integer from " .. min .. " to " .. string.format("%.0f", max))
    end
    return number
  end
  function args_name(value, field)
    if not value or #value > 128 or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._-]*$") then
      args_bad(field, value, "wanted 1 to 128 of A-Z a-z 0-9 . _ - that start with a letter or digit")
    end
    return value
  end
  local function uint64(text)
    local digits = #text
    if digits > 1 and string.byte(text) == 48 then
      return false
    end
    return digits < 20 or (digits == 20 and text <= ids_UINT64_MAX)
  end
  function args_id(value, field)
    local ms, seq
    if value then
      ms, seq = ids_split(value)
    end
    if not ms or not uint64(ms) or not uint64(seq) then
      args_bad(field, value, "wanted an entry ID such as 1764000000000-0")
    end
    return value
  end
  function args_key(value, field)
    if not value or #value > 385 or not string.find(value, "^[^#%c]%C*$") then
      args_bad(
        field,
        value,
        "wanted 1 to "
          .. 385
          .. " bytes without control characters, not starting with #"
      )
    end
    return value
  end
  function args_event_type(value, field)
    if
      not value
      or #value > 128
      or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._:-]*$")
    then
      args_bad(
        field,
        value,
        "wanted 1 to "
          .. 128
          .. " of A-Z a-z 0-9 . _ : - that start with a letter or digit"
      )
    end
    return value
  end
  function args_entry_key(value, field)
    return value == "" and value or args_key(value, field)
  end
  function args_text(value, field)
    if not value or #value > 4096 then
      args_bad(field, value, "wanted at most " .. 4096 .. " bytes")
    end
    return value
  end
  function args_nonce(value, field)
    if not value or #value > 64 or not string.find(value, "^[A-Za-z0-9_-]+$") then
      args_bad(field, value, "wanted 1 to 64 of A-Z a-z 0-9 _ -")
    end
    return value
  end
  function args_guarded(wanted, run)
    if #KEYS ~= #wanted then
      return redis.error_reply("SLUICE_BADARG KEYS '" .. #KEYS .. "': wanted " .. #wanted)
    end
    local ok, reply = pcall(run)
    if ok then
      local refused = reply[1] ~= "OK" and reply[1] ~= "NOPERM"
      return refused and types_refusal(wanted) or reply
    end
    local text = reply.err or reply
    if not string.find(text, "^SLUICE_BADARG ") then
      text = string.match(text, "%-(%u+ .*)$") or text
    end
    return string.find(text, "^WRONGTYPE ") and types_refusal(wanted) or redis.error_reply(text)
  end
end
local stream_ask, stream_about, stream_last_id, stream_has_room
do
  function stream_ask(what, key)
    local reply = redis.pcall("XINFO", what, key)
    if not reply.err then
      return reply
    end
    if not string.find(reply.err, "no such key", 1, true) then
      error(reply, 0)
    end
  end
  function stream_about(key)
    local reply = stream_ask("STREAM", key)
    if not reply then
      return nil
    end
    local found = {}
    for at = 1, #reply, 2 do
      found[reply[at]] = reply[at + 1]
    end
    local first, newest = found["first-entry"], found["last-entry"]
    return {
      length = found["length"],
      last_id = found["last-generated-id"],
      added = found["entries-added"],
      first_id = first and first[1],
      newest_id = newest and newest[1],
    }
  end
  function stream_last_id(key)
    local about = stream_about(key)
    return about and about.last_id or "0-0"
  end
  function stream_has_room(last_id)
    local ms, seq = ids_split(last_id)
    return ms ~= ids_UINT64_MAX or #seq < #ids_UINT64_MAX
  end
end
local balance_settled
do
  function balance_settled(state, count)
    if count ~= 0 then
      redis.call("HINCRBY", state, "settled", count)
    end
  end
end
local chunks_call, chunks_ask
do
  function chunks_call(values, width, command, key)
    local size = 1000 - 1000 % width
    for first = 1, #values, size do
      redis.call(command, key, unpack(values, first, math.min(first + size - 1, #values)))
    end
  end
  function chunks_ask(command, key, values)
    if #values <= 1000 then
      return #values == 0 and {} or redis.call(command, key, unpack(values))
    end
    local replies = {}
    for first = 1, #values, 1000 do
      local part =
        redis.call(command, key, unpack(values, first, math.min(first + 1000 - 1, #values)))
      for at = 1, #part do
        replies[first + at - 1] = part[at]
      end
    end
    return replies
  end
end
local clock_now
do
  function clock_now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
end
local entries_read
do
  function entries_read(stream, id)
    local found = redis.call("XRANGE", stream, id, id)[1]
    return found and found[2]
  end
end
local dead_write
do
  local function packed(fields)
    local parts = {}
    for at = 1, #fields do
      parts[at] = string.gsub(fields[at], "[\\,]", "\\%0")
    end
    return { "fields", table.concat(parts, ",") }
  end
  function dead_write(stream, now, letter, group, fields)
    local whole = fields or {}
    local layout = "fields"
    if #whole > 1000 then
      whole, layout = packed(whole), "packed"
    end
    redis.call(
      "XADD",
      stream,
      "*",
      "entryId",
      letter.id,
      "reason",
      letter.reason,
      "message",
      letter.message,
      "attempts",
      letter.attempts,
      "firstDeliveredAt",
      letter.first_ms,
      "deadAt",
      now,
      "group",
      group,
      "layout",
      fields and layout or "gone",
      unpack(whole)
    )
  end
end
local declarations_of, declarations_of_others, declarations_score
do
  local function consumer_field(consumer)
    return "types:" .. consumer
  end
  local function type_field(event_type)
    return "type:" .. event_type
  end
  local function recorded_of(state, types)
    local fields = {}
    for n = 1, #types do
      fields[n] = type_field(types[n])
    end
    local found = chunks_ask("HMGET", state, fields)
    for n = 1, #types do
      if found[n] then
        local number, count = string.match(found[n], "^(%d+) (%d+)$")
        found[n] = { number = number, count = tonumber(count) }
      end
    end
    return found
  end
  function declarations_of(state, consumer)
    local list, set = {}, {}
    local recorded = redis.call("HGET", state, consumer_field(consumer))
    for event_type in string.gmatch(recorded and string.match(recorded, "^%d+ (.*)$") or "", "%S+") do
      list[#list + 1], set[event_type] = event_type, true
    end
    return list, set
  end
  function declarations_of_others(state, consumer, types)
    local found, own = {}, nil
    for n, about in ipairs(recorded_of(state, types)) do
      if about then
        own = own or select(2, declarations_of(state, consumer))
        if about.count > (own[types[n]] and 1 or 0) then
          found[types[n]] = about.number
        end
      end
    end
    return found
  end
  function declarations_score(number)
    return -tonumber(number)
  end
end
local marks_of_entry, marks_of_key
do
  function marks_of_entry(id)
    return "#" .. id
  end
  function marks_of_key(key, id)
    return key == "" and "#" .. id or key
  end
end
local tokens_entry, tokens_history
do
  function tokens_entry(token)
    return string.match(token, "^[^|]*")
  end
  function tokens_history(token)
    local attempt, first_ms = string.match(token, "^[^|]*|[^|]*|(%d+)|[^|.]*%.(%d+)$")
    return tonumber(attempt), tonumber(first_ms)
  end
end
local endings_PLAIN, endings_FENCED, endings_SKIPPED, endings_from
do
  endings_PLAIN = { outcome = "SUCCESS", emits = {} }
  endings_FENCED = { outcome = "FENCED" }
  endings_SKIPPED = { outcome = "SKIP" }
  local function emits_from(at)
    local count = args_int(ARGV[at], "emits", 0, 1000)
    local emits = {}
    for n = 1, count do
      local key, event, fingerprint = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
      if not fingerprint then
        args_bad("ARGV", #ARGV, "wanted three values for each of " .. count .. " emitted events")
      end
      emits[n] = { key = args_key(key, "emitted key"), event = event, fingerprint = fingerprint }
      at = at + 3
    end
    return emits, at + 1
  end
  local function ending_from(at)
    local outcome = ARGV[at]
    if outcome == "SUCCESS" then
      if ARGV[at + 3] == "0" then
        return endings_PLAIN, at + 4
      end
      local emits, after = emits_from(at + 3)
      return { outcome = outcome, emits = emits }, after
    elseif outcome == "SKIP" then
      return endings_SKIPPED, at + 3
    elseif outcome == "UNHANDLED" then
      local event_type = args_event_type(ARGV[at + 3], "type")
      return { outcome = outcome, event_type = event_type, message = args_text(ARGV[at + 4], "message") },
        at + 5
    elseif outcome == "RETRY" then
      local delay_ms = args_int(ARGV[at + 3], "delayMs", 0, 315360000000)
      return { outcome = outcome, delay_ms = delay_ms, message = args_text(ARGV[at + 4], "message") }, at + 5
    elseif outcome == "FAILURE" then
      local reason = ARGV[at + 3]
      if not reason or not string.find(reason, "^[A-Z][A-Z_]*$") or #reason > 32 then
        args_bad("reason", reason, "wanted 1 to 32 of A-Z _")
      end
      return { outcome = outcome, reason = reason, message = args_text(ARGV[at + 4], "message") }, at + 5
    end
    args_bad("outcome", outcome, "wanted SUCCESSES, SUCCESS, SKIP, UNHANDLED, RETRY or FAILURE")
  end
  function endings_from(at)
    local ended, keys, ids, issued, held_as, count = {}, {}, {}, {}, {}, 0
    while ARGV[at] do
      if ARGV[at] == "SUCCESSES" then
        local tail = args_text(ARGV[at + 1], "tail")
        local upto = count + args_int(ARGV[at + 2], "successes", 1, 1000)
        at = at + 3
        for n = count + 1, upto do
          local key, id = ARGV[at], ARGV[at + 1] or args_id(nil, "entry_id")
          ended[n], keys[n], ids[n], issued[n] = endings_PLAIN, key, id, id .. tail
          held_as[n] = marks_of_key(key, id)
          at = at + 2
        end
        count = upto
      else
        local key, token = ARGV[at + 1], ARGV[at + 2]
        count = count + 1
        ended[count], at = ending_from(at)
        keys[count], issued[count], ids[count] = key, token, tokens_entry(token or args_id(nil, "token"))
        held_as[count] = marks_of_key(key, ids[count])
      end
      if count > 1000 then
        args_bad("attempts", count, "wanted at most " .. 1000)
      end
    end
    if count == 0 then
      args_bad("attempts", 0, "wanted 1 to " .. 1000)
    end
    return { endings = ended, keys = keys, ids = ids, tokens = issued, held_as = held_as }
  end
end
local protocol_CURRENT, protocol_refusal
do
  protocol_CURRENT = tostring(1)
  function protocol_refusal(recorded)
    if recorded and recorded ~= protocol_CURRENT then
      return { "PROTOCOL", recorded }
    end
  end
end
local ring_at, ring_turn, ring_add
do
  local COUNT = 5
  local REMEMBERED = COUNT - 1
  local function bucket_width(ttl_ms)
    return math.ceil(ttl_ms / (REMEMBERED - 1))
  end
  local function place(self, back)
    return (self.index - back) % COUNT + 1
  end
  function ring_at(buckets, recorded, ttl_ms, now)
    local self = { buckets = buckets, sizes = {}, turns = 0 }
    for at = 1, COUNT do
      self.sizes[at] = redis.call("SCARD", buckets[at])
    end
    self.index = recorded.index or 0
    self.next_width = bucket_width(ttl_ms)
    self.width = recorded.width or self.next_width
    self.opened_at = math.min(recorded.opened_at or now, now)
    local closes_at = self.opened_at + self.width
    if closes_at <= now then
      local turns = 1 + math.floor((now - closes_at) / self.next_width)
      self.from = self.index
      self.turns = math.min(turns, COUNT)
      self.index = (self.index + turns) % COUNT
      self.opened_at = closes_at + (turns - 1) * self.next_width
      self.width = self.next_width
    end
    for turn = 1, self.turns do
      self.sizes[(self.from + turn) % COUNT + 1] = 0
    end
    self.changed = self.opened_at ~= recorded.opened_at
    return self
  end
  local function expire(self, back)
    local slack = math.min(math.ceil(self.width / 10), 60000)
    local at = self.opened_at + self.width + (REMEMBERED - 1 - back) * self.next_width + slack
    redis.call("PEXPIREAT", self.buckets[place(self, back)], at)
  end
  function ring_turn(self, state)
    if not self.changed then
      return
    end
    for turn = 1, self.turns do
      redis.call("UNLINK", self.buckets[(self.from + turn) % COUNT + 1])
    end
    if self.turns > 0 then
      redis.call("UNLINK", self.buckets[(self.index + 1) % COUNT + 1])
      for back = 1, REMEMBERED - 1 do
        expire(self, back)
      end
    end
    redis.call("HSET", state, "ringIndex", self.index, "ringOpenedAt", self.opened_at, "ringWidth", self.width)
    self.changed, self.turns = false, 0
  end
  function ring_add(self, state, members)
    if #members > 0 then
      ring_turn(self, state)
      local at = place(self, 0)
      chunks_call(members, 1, "SADD", self.buckets[at])
      self.sizes[at] = self.sizes[at] + #members
      expire(self, 0)
    end
  end
end
local group_incarnation_field, group_load, group_read, group_join
do
  function group_incarnation_field(consumer)
    return "incarnation:" .. consumer
  end
  function group_load(meta, state, consumer)
    local refusal = protocol_refusal(redis.call("HGET", meta, "protocol"))
    if refusal then
      return refusal
    end
    return nil, group_read(state, consumer)
  end
  function group_read(state, consumer)
    local found = redis.call(
      "HMGET",
      state,
      "idempotencyTtlMs",
      "leaseMs",
      "maxAttempts",
      "readTo",
      "ringIndex",
      "ringOpenedAt",
      "ringWidth",
      "seenAt",
      group_incarnation_field(consumer)
    )
    local loaded = {
      ttl_ms = tonumber(found[1]),
      lease_ms = tonumber(found[2]),
      max_attempts = tonumber(found[3]),
      read_to = found[4] or "0-0",
      seen_at = tonumber(found[8]),
      incarnation = found[9] or nil,
    }
    function loaded.ring(buckets, now)
      local recorded =
        { index = tonumber(found[5]), opened_at = tonumber(found[6]), width = tonumber(found[7]) }
      return ring_at(buckets, recorded, loaded.ttl_ms, now)
    end
    return loaded
  end
  function group_join(meta, state, consumer, incarnation)
    local refusal, loaded = group_load(meta, state, consumer)
    if refusal then
      return refusal
    end
    if not loaded.ttl_ms or not loaded.lease_ms or not loaded.max_attempts or not loaded.incarnation then
      return { "NOGROUP" }
    end
    if loaded.incarnation ~= incarnation then
      return { "SUPERSEDED" }
    end
    return nil, loaded
  end
end
local pending_WAITING, pending_group_exists, pending_entry, pending_park, pending_acknowledge, pending_hand_back, pending_SUSPECTS_FROM, pending_next_due_at, pending_next_due_in
do
  pending_WAITING = "/waiting"
  function pending_group_exists(stream, group)
    local reply = redis.pcall("XPENDING", stream, group, "-", "+", 0)
    if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
      error(reply, 0)
    end
    return reply.err == nil
  end
  function pending_entry(stream, group, id)
    return redis.call("XPENDING", stream, group, id, id, 1)[1]
  end
  function pending_park(stream, group, retries, id, attempt, first_ms, due_at)
    redis.call(
      "XCLAIM",
      stream,
      group,
      pending_WAITING,
      0,
      id,
      "TIME",
      first_ms,
      "RETRYCOUNT",
      attempt,
      "JUSTID"
    )
    redis.call("ZADD", retries, due_at, id)
  end
  function pending_acknowledge(stream, group, ids)
    if #ids > 0 then
      redis.call("XACK", stream, group, unpack(ids))
    end
  end
  function pending_hand_back(stream, group, retries, id, first_ms, score)
    redis.call("XCLAIM", stream, group, pending_WAITING, 0, id, "TIME", first_ms, "JUSTID")
    redis.call("ZADD", retries, score, id)
  end
  pending_SUSPECTS_FROM = 2e15
  function pending_next_due_at(retries)
    local first = redis.call("ZRANGE", retries, 0, 0, "WITHSCORES")[2]
    if first and tonumber(first) < 0 then
      first = redis.call("ZRANGEBYSCORE", retries, 0, "+inf", "WITHSCORES", "LIMIT", 0, 1)[2]
    end
    local due_at = first and tonumber(first)
    return due_at and due_at < pending_SUSPECTS_FROM and due_at or nil
  end
  function pending_next_due_in(retries, now)
    local due_at = pending_next_due_at(retries)
    return due_at and math.max(0, math.ceil(due_at - now)) or -1
  end
end
local trimmed_range
do
  function trimmed_range(meta)
    local recorded = redis.call("HMGET", meta, "trimmedFrom", "trimmedTo")
    local from, to = recorded[1] or "0-0", recorded[2] or "0-0"
    return function(id)
      return ids_less(from, id) and not ids_less(to, id)
    end
  end
end
local window_FIELDS, window_at, window_published, window_add
do
  window_FIELDS = { "windowIndex", "windowOpenedAt", "windowWidth" }
  function window_at(generations, recorded, window_ms, now)
    local index, opened_at, width = tonumber(recorded[1]), tonumber(recorded[2]), tonumber(recorded[3])
    local self = { generations = generations, window_ms = window_ms, turns = 0 }
    self.index = index or 0
    self.width = width or window_ms
    self.opened_at = math.min(opened_at or now, now)
    local closes_at = self.opened_at + self.width
    if closes_at <= now then
      self.turns = 1 + math.floor((now - closes_at) / window_ms)
      self.index = (self.index + self.turns) % 2
      self.opened_at = closes_at + (self.turns - 1) * window_ms
      self.width = window_ms
    end
    self.changed = self.opened_at ~= opened_at
    return self
  end
  local function generation(self, back)
    return self.generations[(self.index + back) % 2 + 1]
  end
  local function forget_removed(found, stream, meta)
    local dropped
    for key, first in pairs(found) do
      local fields = entries_read(stream, first.id)
      if not fields or fields[2] ~= key then
        dropped = dropped or trimmed_range(meta)
        if not dropped(first.id) then
          found[key] = nil
        end
      end
    end
    return found
  end
  function window_published(self, stream, meta, keys)
    local found = {}
    for back = 0, 1 do
      local replies = chunks_ask("HMGET", generation(self, back), keys)
      local live = (back == 0 and self.turns == 0) or (back == 1 and self.turns <= 1)
      for at = 1, live and #keys or 0 do
        if replies[at] and not found[keys[at]] then
          local id, fingerprint = string.match(replies[at], "^([^|]*)|(.*)$")
          found[keys[at]] = { id = id, fingerprint = fingerprint }
        end
      end
    end
    return forget_removed(found, stream, meta)
  end
  local function expire(self, back)
    local slack = math.min(math.ceil(self.width / 10), 60000)
    local at = self.opened_at + self.width + (1 - back) * self.window_ms + slack
    redis.call("PEXPIREAT", generation(self, back), at)
  end
  local function turn(self, meta)
    if not self.changed then
      return
    end
    if self.turns > 0 then
      redis.call("UNLINK", generation(self, 0))
      if self.turns > 1 then
        redis.call("UNLINK", generation(self, 1))
      end
      expire(self, 1)
    end
    redis.call(
      "HSET",
      meta,
      "windowIndex",
      self.index,
      "windowOpenedAt",
      self.opened_at,
      "windowWidth",
      self.width
    )
    self.changed, self.turns = false, 0
  end
  function window_add(self, meta, pairs_)
    if #pairs_ > 0 then
      turn(self, meta)
      chunks_call(pairs_, 2, "HSET", generation(self, 0))
      expire(self, 0)
    end
  end
end
local stream, meta, published_0, published_1, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local processed = { KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10] }
local retries, dead, state = KEYS[11], KEYS[12], KEYS[13]
local TYPES =
  { "stream", "hash", "hash", "hash", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD = 4
local PLAIN, FENCED, SKIPPED = endings_PLAIN, endings_FENCED, endings_SKIPPED
local function check(attempts, n)
  args_id(attempts.ids[n], "token")
  args_entry_key(attempts.keys[n], "idempotency_key")
  if not tokens_history(attempts.tokens[n]) then
    args_bad(
      "token",
      attempts.tokens[n],
      "wanted entryId|consumer|attempt|nonce as lease or recover issued it"
    )
  end
end
local function dead_letter(reason, message)
  return { outcome = "FAILURE", reason = reason, message = message }
end
local function attempt_of(group, id, token)
  local about, attempt = pending_entry(stream, group, id), tokens_history(token)
  return about and math.min(about[4], attempt) or attempt
end
local function fence(attempts, group, max_attempts)
  local current = chunks_ask("HMGET", leases, attempts.held_as)
  local endings, spent, all_plain = attempts.endings, {}, true
  for n, token in ipairs(attempts.tokens) do
    if current[n] ~= token then
      check(attempts, n)
      endings[n] = FENCED
    elseif spent[token] then
      endings[n] = FENCED
    else
      spent[token] = true
      if endings[n].outcome == "RETRY" then
        local attempt = attempt_of(group, attempts.ids[n], token)
        if attempt >= max_attempts then
          endings[n] = dead_letter("MAX_ATTEMPTS", endings[n].message)
        end
        endings[n].attempt = attempt
      end
    end
    all_plain = all_plain and endings[n] == PLAIN
  end
  return all_plain
end
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
  local numbers = declarations_of_others(state, consumer, types)
  for n, ending in ipairs(endings) do
    if ending.outcome == "UNHANDLED" then
      local number = numbers[ending.event_type]
      if number then
        endings[n] = { outcome = "HANDED_BACK", score = declarations_score(number) }
      elseif ending.message == "" then
        endings[n] = SKIPPED
      else
        endings[n] = dead_letter("UNHANDLED", ending.message)
      end
    end
  end
end
local function judge_emits(ending, publish_window, known, batch)
  local new, named = {}, {}
  for _, emit in ipairs(ending.emits) do
    local windowed = publish_window and emit.fingerprint ~= ""
    local first = windowed
      and (known[emit.key] and known[emit.key].fingerprint or batch[emit.key] or named[emit.key])
    if first and first ~= emit.fingerprint then
      return dead_letter(
        "EMIT_REJECTED",
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
  local recorded = redis.call("HMGET", meta, unpack(window_FIELDS))
  local publish_window = window_ms > 0 and window_at({ published_0, published_1 }, recorded, window_ms, now)
  local known = publish_window and window_published(publish_window, stream, meta, keys) or {}
  local last_id = stream_last_id(stream)
  local batch = {}
  for _, n in ipairs(emitting) do
    if stream_has_room(last_id) then
      endings[n] = judge_emits(endings[n], publish_window, known, batch)
    else
      local message = "emit: the stream's last ID " .. last_id .. " leaves no room"
      endings[n] = dead_letter("EMIT_REJECTED", message)
    end
  end
  return publish_window
end
local function has_room_for_dead(endings)
  for _, ending in ipairs(endings) do
    if ending.outcome == "FAILURE" then
      return stream_has_room(stream_last_id(dead))
    end
  end
  return true
end
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
    if outcome == "FENCED" then
      exception = "FENCED"
    else
      released[#released + 1] = held_as[n]
      if outcome == "RETRY" then
        exception = "WAITING"
        todo.waiting[#todo.waiting + 1] = n
      elseif outcome == "HANDED_BACK" then
        exception = "HANDED_BACK"
        todo.handed_back[#todo.handed_back + 1] = n
      else
        acknowledged[#acknowledged + 1] = ids[n]
      end
    end
    if outcome == "SUCCESS" then
      members[#members + 1] = held_as[n]
      if ending ~= PLAIN then
        todo.emitting[#todo.emitting + 1] = n
      end
    elseif outcome == "FAILURE" then
      exception = "DEAD"
      ending.fields = entries_read(stream, ids[n])
      members[#members + 1] = marks_of_entry(ids[n])
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
    window_add(publish_window, meta, published)
  end
end
local function run()
  local group, consumer = args_name(ARGV[1], "group"), args_name(ARGV[2], "consumer")
  local incarnation = args_nonce(ARGV[3], "incarnation")
  local window_ms = args_int(ARGV[4], "windowMs", 0, 315360000000)
  local attempts = endings_from(HEAD + 1)
  local ids, endings = attempts.ids, attempts.endings
  redis.call("HLEN", published_0)
  redis.call("HLEN", published_1)
  redis.call("XLEN", dead)
  local refusal, loaded = group_join(meta, state, consumer, incarnation)
  if not refusal and not pending_group_exists(stream, group) then
    refusal = { "NOGROUP" }
  end
  if refusal then
    for n = 1, #ids do
      check(attempts, n)
    end
    return refusal
  end
  local now = clock_now()
  local marked = loaded.ring(processed, now)
  local all_plain = fence(attempts, group, loaded.max_attempts)
  local publish_window
  if not all_plain then
    judge_unhandled(endings, consumer)
    publish_window = judge_all_emits(endings, window_ms, now)
    if not has_room_for_dead(endings) then
      return { "EXHAUSTED" }
    end
  end
  local reply = { "OK", pending_next_due_in(retries, now), now }
  local todo = plan(attempts, all_plain, reply)
  pending_acknowledge(stream, group, todo.acknowledged)
  balance_settled(state, #todo.acknowledged)
  for _, n in ipairs(todo.waiting) do
    local _, first_ms = tokens_history(attempts.tokens[n])
    local due_at = now + math.min(endings[n].delay_ms, math.floor(loaded.ttl_ms / 2))
    pending_park(stream, group, retries, ids[n], endings[n].attempt + 1, first_ms, due_at)
  end
  for _, n in ipairs(todo.handed_back) do
    local _, first_ms = tokens_history(attempts.tokens[n])
    pending_hand_back(stream, group, retries, ids[n], first_ms, endings[n].score)
  end
  chunks_call(todo.released, 1, "HDEL", leases)
  ring_add(marked, state, todo.members)
  publish(endings, todo.emitting, publish_window)
  for _, n in ipairs(todo.letters) do
    local attempt, first_ms = tokens_history(attempts.tokens[n])
    dead_write(dead, now, {
      id = ids[n],
      reason = endings[n].reason,
      message = endings[n].message,
      attempts = endings[n].attempt or attempt,
      first_ms = first_ms,
    }, group, endings[n].fields)
  end
  if #todo.waiting > 0 then
    reply[2] = pending_next_due_in(retries, now)
  end
  return reply
end
return args_guarded(TYPES, run)
