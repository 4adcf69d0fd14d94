-- sluice publish: generated from src/scripts/publish.lua, do not edit
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
local args_bad, args_int, args_key, args_flag, args_items, args_guarded
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
  function args_flag(value, field)
    if value ~= "0" and value ~= "1" then
      args_bad(field, value, "wanted 0 or 1")
    end
    return value == "1"
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
local clock_now
do
  function clock_now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
end
local stream_ask, stream_has_room
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
  function stream_has_room(last_id)
    local ms, seq = ids_split(last_id)
    return ms ~= ids_UINT64_MAX or #seq < #ids_UINT64_MAX
  end
end
local lowwater_groups, lowwater_of, lowwater_group_of, lowwater_least
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
  function lowwater_of(stream, group)
    local oldest = redis.call("XPENDING", stream, group.name, "-", "+", 1)[1]
    local below = oldest and ids_before(oldest[1])
    return below and ids_less(below, group.last_delivered) and below or group.last_delivered
  end
  function lowwater_group_of(field)
    return string.match(field, "^group:(.*)$")
  end
  function lowwater_least(stream, meta)
    local least, whose
    local function note(id, name)
      if not least or ids_less(id, least) then
        least, whose = id, name
      end
    end
    local live = {}
    for _, group in ipairs(lowwater_groups(stream)) do
      live[group.name] = true
      note(lowwater_of(stream, group), group.name)
    end
    local recorded = redis.call("HGETALL", meta)
    for at = 1, #recorded, 2 do
      local name = lowwater_group_of(recorded[at])
      if name and not live[name] then
        note(recorded[at + 1], name)
      end
    end
    return least, whose
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
local entries_read
do
  function entries_read(stream, id)
    local found = redis.call("XRANGE", stream, id, id)[1]
    return found and found[2]
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
local stream, meta, published_0, published_1 = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local TYPES = { "stream", "hash", "hash", "hash" }
local HEAD, WIDTH, ANSWER = 3, 3, 4
local function lesser_limit(a, b)
  return (a == 0 and b) or (b == 0 and a) or math.min(a, b)
end
local function slowest_group()
  local _, name = lowwater_least(stream, meta)
  return name or ""
end
local function run()
  local window_ms = args_int(ARGV[1], "windowMs", 0, 315360000000)
  local max_length = args_int(ARGV[2], "maxLength", 0, 2 ^ 53)
  local atomic = args_flag(ARGV[3], "atomic")
  local count = args_items(HEAD + 1, WIDTH)
  local keys = {}
  for n = 1, count do
    keys[n] = args_key(ARGV[HEAD + (n - 1) * WIDTH + 1], "idempotency_key")
  end
  local recorded = redis.call("HMGET", meta, "protocol", "maxLength", unpack(window_FIELDS))
  local refusal = protocol_refusal(recorded[1])
  if refusal then
    return refusal
  end
  max_length = lesser_limit(max_length, tonumber(recorded[2] or 0))
  local publish_window, known = nil, {}
  if window_ms > 0 then
    local placed = { recorded[3], recorded[4], recorded[5] }
    publish_window = window_at({ published_0, published_1 }, placed, window_ms, clock_now())
    known = window_published(publish_window, stream, meta, keys)
  else
    redis.call("HLEN", published_0)
    redis.call("HLEN", published_1)
  end
  local room = max_length > 0 and max_length - redis.call("XLEN", stream) or count
  local verdicts, exceptions, first_in_batch = {}, {}, {}
  local refused, full = false, false
  for n = 1, count do
    local key = keys[n]
    local first, twin = known[key], first_in_batch[key]
    if first or twin then
      local fingerprint = first and first.fingerprint or ARGV[HEAD + twin * WIDTH]
      verdicts[n] = fingerprint == ARGV[HEAD + n * WIDTH] and "DUPLICATE" or "MISMATCH"
    elseif room <= 0 then
      verdicts[n], full = "FULL", true
    else
      room = room - 1
      first_in_batch[key] = publish_window and n
    end
    if verdicts[n] then
      exceptions[#exceptions + 1] = n
      exceptions[#exceptions + 1] = verdicts[n]
      refused = refused or verdicts[n] ~= "DUPLICATE"
    end
  end
  refused = refused and atomic
  local reply, remembered, fresh = { refused and "REFUSED" or "OK", 0, max_length, "" }, {}, 0
  for n = 1, count do
    local key, id = keys[n], ""
    if verdicts[n] then
      id = known[key] and known[key].id or reply[ANSWER + (first_in_batch[key] or n)] or ""
    elseif not refused then
      id = redis.pcall("XADD", stream, "*", "key", key, "event", ARGV[HEAD + n * WIDTH - 1])
      if fresh == 0 then
        if type(id) == "table" then
          if string.find(id.err, "exhausted", 1, true) then
            return { "EXHAUSTED" }
          end
          error(id, 0)
        end
        if not stream_has_room(id) then
          redis.call("XDEL", stream, id)
          return { "EXHAUSTED" }
        end
      end
      fresh = fresh + 1
      if publish_window then
        remembered[2 * fresh - 1], remembered[2 * fresh] = key, id .. "|" .. ARGV[HEAD + n * WIDTH]
      end
    end
    reply[ANSWER + n] = id
  end
  if fresh > 0 then
    if not recorded[1] then
      redis.call("HSET", meta, "protocol", protocol_CURRENT)
    end
    if publish_window then
      window_add(publish_window, meta, remembered)
    end
  end
  if max_length > 0 then
    reply[2] = redis.call("XLEN", stream)
  end
  if full then
    reply[4] = slowest_group()
  end
  for at = 1, #exceptions do
    reply[#reply + 1] = exceptions[at]
  end
  return reply
end
return args_guarded(TYPES, run)
