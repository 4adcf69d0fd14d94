-- sluice replay: generated from src/scripts/replay.lua, do not edit
local ids_UINT64_MAX, ids_split, ids_less, ids_before
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
  local function decrement(digits)
    local zeros = #string.match(digits, "0*$")
    local place = #digits - zeros
    local lowered = string.sub(digits, 1, place - 1)
      .. (string.byte(digits, place) - 49)
      .. string.rep("9", zeros)
    return (string.gsub(lowered, "^0+(%d)", "%1"))
  end
  function ids_before(id)
    local ms, seq = ids_split(id)
    if seq ~= "0" then
      return ms .. "-" .. decrement(seq)
    end
    return ms == "0" and id or decrement(ms) .. "-" .. ids_UINT64_MAX
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
local args_bad, args_name, args_id, args_items, args_guarded
do
  function args_bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\1-\31\127-\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
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
local lowwater_groups, lowwater_group, lowwater_of, lowwater_field
do
  function lowwater_groups(stream)
    local found = {}
    local groups = stream_ask("GROUPS", stream) or {}
    for at = 1, #groups do
      local about = {}
      for field = 1, #groups[at], 2 do
        about[groups[at][field]] = groups[at][field + 1]
      end
      found[at] = {
        name = about["name"],
        last_delivered = about["last-delivered-id"],
        pending = about["pending"],
        lag = about["lag"] or nil,
      }
    end
    return found
  end
  function lowwater_group(stream, name)
    local groups = lowwater_groups(stream)
    for at = 1, #groups do
      if groups[at].name == name then
        return groups[at]
      end
    end
  end
  function lowwater_of(stream, group)
    local oldest = redis.call("XPENDING", stream, group.name, "-", "+", 1)[1]
    local below = oldest and ids_before(oldest[1])
    return below and ids_less(below, group.last_delivered) and below or group.last_delivered
  end
  function lowwater_field(name)
    return "group:" .. name
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
local dead_read
do
  local HEAD = 16
  function dead_read(stream, id)
    local found = redis.call("XRANGE", stream, id, id)[1]
    local values = found and found[2]
    if not values or values[1] ~= "entryId" then
      return nil
    end
    local fields = values[HEAD] == "fields" and { unpack(values, HEAD + 1) } or {}
    return { id = values[2], fields = entries_key(fields) ~= "" and fields or nil }
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
local ring_at, ring_forget
do
  local COUNT = 5
  local REMEMBERED = COUNT - 1
  local function bucket_width(ttl_ms)
    return math.ceil(ttl_ms / (REMEMBERED - 1))
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
  function ring_forget(self, member)
    for at = 1, COUNT do
      redis.call("SREM", self.buckets[at], member)
    end
  end
end
local group_incarnation_field, group_load, group_read
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
end
local marks_of_entry
do
  function marks_of_entry(id)
    return "#" .. id
  end
end
local pending_WAITING, pending_group_exists, pending_entry, pending_put_back
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
  function pending_put_back(stream, group, retries, id, now)
    redis.call("XCLAIM", stream, group, pending_WAITING, 0, id, "TIME", now, "RETRYCOUNT", 1, "FORCE", "JUSTID")
    redis.call("ZADD", retries, now, id)
  end
end
local stream, meta = KEYS[1], KEYS[2]
local processed = { KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7] }
local retries, dead, state = KEYS[8], KEYS[9], KEYS[10]
local TYPES = { "stream", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD = 1
local function judge(letter_id)
  local letter = dead_read(dead, letter_id)
  if not letter then
    return {}
  end
  local in_place = entries_read(stream, letter.id) ~= nil
  return { id = letter.id, in_place = in_place, anew = not in_place and letter.fields ~= nil }
end
local function is_done(group, existing, id)
  return not ids_less(existing.last_delivered, id) and not pending_entry(stream, group, id)
end
local function add_anew(group, letter_id)
  local fields = dead_read(dead, letter_id).fields
  return redis.call("XADD", stream, "*", fields[1], fields[2], fields[3], fields[4], "group", group)
end
local function run()
  local group = args_name(ARGV[1], "group")
  local count = args_items(HEAD + 1, 1)
  local letters = {}
  for n = 1, count do
    letters[n] = args_id(ARGV[HEAD + n], "letter")
  end
  local refusal = types_refusal(TYPES)
  if refusal then
    return refusal
  end
  local loaded
  refusal, loaded = group_load(meta, state, "")
  if refusal then
    return refusal
  end
  if not loaded.ttl_ms or not pending_group_exists(stream, group) then
    return { "NOGROUP" }
  end
  local plan, any_anew, any_in_place = {}, false, false
  for n = 1, count do
    local letter_id = letters[n]
    plan[letter_id] = plan[letter_id] or judge(letter_id)
    any_anew = any_anew or plan[letter_id].anew
    any_in_place = any_in_place or plan[letter_id].in_place
  end
  if any_anew and not stream_has_room(stream_last_id(stream)) then
    return { "EXHAUSTED" }
  end
  local now = clock_now()
  local marked = loaded.ring(processed, now)
  local existing = any_in_place and lowwater_group(stream, group)
  local reply, put_back = { "OK" }, 0
  for n = 1, count do
    local letter_id = letters[n]
    local letter, entry_id = plan[letter_id], ""
    if letter.in_place then
      entry_id = letter.id
      if is_done(group, existing, entry_id) then
        pending_put_back(stream, group, retries, entry_id, now)
        put_back = put_back + 1
      end
    elseif letter.anew then
      entry_id = add_anew(group, letter_id)
    end
    if entry_id ~= "" then
      ring_forget(marked, marks_of_entry(letter.id))
      redis.call("XDEL", dead, letter_id)
      plan[letter_id] = {}
    end
    reply[#reply + 1] = entry_id ~= "" and "REPLAYED" or "NOTFOUND"
    reply[#reply + 1] = entry_id
  end
  if put_back > 0 then
    balance_settled(state, -put_back)
    redis.call("HSET", meta, lowwater_field(group), lowwater_of(stream, existing))
  end
  return reply
end
return args_guarded(TYPES, run)
