-- sluice lease: generated from src/scripts/lease.lua, do not edit
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
local args_bad, args_int, args_name, args_id, args_key, args_entry_key, args_nonce, args_items, args_guarded
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
  function args_entry_key(value, field)
    return value == "" and value or args_key(value, field)
  end
  function args_nonce(value, field)
    if not value or #value > 64 or not string.find(value, "^[A-Za-z0-9_-]+$") then
      args_bad(field, value, "wanted 1 to 64 of A-Z a-z 0-9 _ -")
    end
    return value
  end
  function args_items(first, width)
    local count = (#ARGV - first + 1) / width
    if count < 1 or count > 1000 or count ~= math.floor(count) then
      args_bad(
        "ARGV",
        #ARGV,
        "wanted " .. (first - 1) .. " values and 1 to " .. 1000 .. " times " .. width
      )
    end
    return count
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
local balance_settled
do
  function balance_settled(state, count)
    if count ~= 0 then
      redis.call("HINCRBY", state, "settled", count)
    end
  end
end
local clock_now
do
  function clock_now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
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
local pending_WAITING, pending_group_exists, pending_entry, pending_touch, pending_park, pending_acknowledge, pending_SUSPECTS_FROM, pending_next_due_at, pending_next_due_in
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
  function pending_touch(stream, group, consumer, ids)
    if #ids > 0 then
      ids[#ids + 1] = "JUSTID"
      redis.call("XCLAIM", stream, group, consumer, 0, unpack(ids))
      ids[#ids] = nil
    end
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
local tokens_tail, tokens_entry, tokens_history
do
  function tokens_tail(consumer, attempt, nonce, first_ms)
    return "|" .. consumer .. "|" .. attempt .. "|" .. nonce .. "." .. first_ms
  end
  function tokens_entry(token)
    return string.match(token, "^[^|]*")
  end
  function tokens_history(token)
    local attempt, first_ms = string.match(token, "^[^|]*|[^|]*|(%d+)|[^|.]*%.(%d+)$")
    return tonumber(attempt), tonumber(first_ms)
  end
end
local deferral_holder, deferral_due_at
do
  function deferral_holder(stream, group, token, id)
    local holder = token and tokens_entry(token)
    if holder and holder ~= id and pending_entry(stream, group, holder) then
      return token
    end
  end
  function deferral_due_at(holder, now)
    local _, first_ms = tokens_history(holder)
    local age = now - (first_ms or now)
    return now + math.min(math.max(age, 25), 5000)
  end
end
local entries_read, entries_key
do
  function entries_read(stream, id)
    local found = redis.call("XRANGE", stream, id, id)[1]
    return found and found[2]
  end
  local function is_text(text)
    local at = 1
    while at <= #text do
      local lead = string.byte(text, at)
      local follow = (lead < 128 and 0)
        or (lead >= 194 and lead < 224 and 1)
        or (lead >= 224 and lead < 240 and 2)
      follow = follow or (lead >= 240 and lead < 245 and 3)
      if not follow or not string.find(text, "^" .. string.rep("[\128-\191]", follow), at + 1) then
        return false
      end
      local second = string.byte(text, at + 1) or 0
      if
        (lead == 224 and second < 160)
        or (lead == 237 and second > 159)
        or (lead == 240 and second < 144)
        or (lead == 244 and second > 143)
      then
        return false
      end
      at = at + 1 + follow
    end
    return not string.find(text, "\239\191\189", 1, true)
  end
  function entries_key(fields)
    local ours = fields[1] == "key"
      and fields[3] == "event"
      and (#fields == 4 or (#fields == 6 and fields[5] == "group"))
    local key = ours and fields[2] or ""
    if #key > 385 or not string.find(key, "^[^#%c]%C*$") then
      return ""
    end
    if string.find(key, "[\128-\255]") and not is_text(key) then
      return ""
    end
    return key
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
local ring_at, ring_remembers
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
  function ring_remembers(self, members)
    local found = {}
    for back = 0, REMEMBERED - 1 do
      local at = place(self, back)
      if self.sizes[at] > 0 then
        local replies = chunks_ask("SMISMEMBER", self.buckets[at], members)
        for n = 1, #members do
          if replies[n] == 1 then
            found[members[n]] = true
          end
        end
      end
    end
    return found
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
local marks_of_entry, marks_of_key
do
  function marks_of_entry(id)
    return "#" .. id
  end
  function marks_of_key(key, id)
    return key == "" and "#" .. id or key
  end
end
local stream, meta, leases = KEYS[1], KEYS[2], KEYS[3]
local processed = { KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8] }
local retries, state = KEYS[9], KEYS[10]
local TYPES = { "stream", "hash", "hash", "set", "set", "set", "set", "set", "zset", "hash" }
local HEAD, WIDTH = 4, 2
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
    args_id(asked[n], "entry_id")
  end
  if not pending_group_exists(stream, group) then
    return nil
  end
  local seen = {}
  for n, id in ipairs(asked) do
    local about = not seen[id] and pending_entry(stream, group, id)
    idle[n] = about and about[2] == consumer and about[4] == 1 and about[3]
    seen[id] = true
  end
  return idle
end
local function remembered(processed_ring, read_to, asked, held_as)
  if read_to == "0-0" then
    return ring_remembers(processed_ring, held_as)
  end
  local members = { unpack(held_as) }
  for n = 1, #asked do
    if not ids_less(read_to, asked[n]) then
      members[#members + 1] = marks_of_entry(asked[n])
    end
  end
  return ring_remembers(processed_ring, members)
end
local function listed()
  local asked, held_as = {}, {}
  for n = 1, args_items(HEAD + 1, WIDTH) do
    local id, key = ARGV[HEAD + n * WIDTH - 1], ARGV[HEAD + n * WIDTH]
    asked[n] = id
    held_as[n] = marks_of_key(args_entry_key(key, "idempotency_key"), id)
  end
  return asked, held_as
end
local function delivered_after(group, consumer, after, max)
  local asked, held_as, idle = {}, {}, {}
  local range = redis.pcall("XPENDING", stream, group, "(" .. after, "+", max, consumer)
  if range.err and not pending_group_exists(stream, group) then
    return asked, held_as, nil
  end
  for n = 1, #range do
    local id, fields = range[n][1], entries_read(stream, range[n][1])
    if fields then
      asked[#asked + 1] = id
      held_as[#asked] = marks_of_key(entries_key(fields), id)
      idle[#asked] = range[n][4] == 1 and range[n][3]
    end
  end
  return asked, held_as, idle
end
local function run()
  local group, consumer = args_name(ARGV[1], "group"), args_name(ARGV[2], "consumer")
  local incarnation, nonce = args_nonce(ARGV[3], "incarnation"), args_nonce(ARGV[4], "nonce")
  local after, max, asked, held_as, idle
  if ARGV[HEAD + 1] == "AFTER" then
    after = args_id(ARGV[HEAD + 2], "entry_id")
    max = args_int(ARGV[HEAD + 3], "max", 1, 1000)
  else
    asked, held_as = listed()
  end
  local refusal, loaded = group_join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if after then
    asked, held_as, idle = delivered_after(group, consumer, after, max)
  else
    idle = first_deliveries(group, consumer, asked)
  end
  if not idle then
    return { "NOGROUP" }
  end
  local now = clock_now()
  local held = chunks_ask("HMGET", leases, held_as)
  local settled = remembered(loaded.ring(processed, now), loaded.read_to, asked, held_as)
  local tail = tokens_tail(consumer, 1, nonce, now)
  local reply = { "OK", pending_next_due_in(retries, now), now }
  local rested_ms = loaded.lease_ms / 100
  local any_settled = next(settled) ~= nil
  local leased = 0
  local duplicates, restarted, deferred, new_tokens, taken = {}, {}, {}, {}, {}
  for n = 1, #asked do
    local id, key = asked[n], held_as[n]
    local token = taken[key] or held[n]
    local exception
    if not idle[n] or token and tokens_entry(token) == id then
      exception = "LOST"
    elseif any_settled and (settled[key] or settled[marks_of_entry(id)]) then
      exception = "DUPLICATE"
      duplicates[#duplicates + 1] = id
    else
      local holder = taken[key] or token and deferral_holder(stream, group, token, id)
      if holder then
        exception = "DEFERRED"
        deferred[#deferred + 1] = { id = id, due_at = deferral_due_at(holder, now) }
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
      reply[#reply + 1] = exception or "LEASED"
    end
  end
  redis.call("HDEL", leases, "")
  pending_touch(stream, group, consumer, restarted)
  pending_acknowledge(stream, group, duplicates)
  balance_settled(state, #duplicates)
  for _, entry in ipairs(deferred) do
    pending_park(stream, group, retries, entry.id, 1, now, entry.due_at)
  end
  chunks_call(new_tokens, 2, "HSET", leases)
  if #deferred > 0 then
    reply[2] = pending_next_due_in(retries, now)
  end
  return reply
end
return args_guarded(TYPES, run)
