-- sluice settle: generated from src/scripts/settle.lua, do not edit
local constants = (function()
  local constants = {
    PROTOCOL = 1,
    MAX_ENTRIES = 1000,
    CHUNK = 1000,
    MAX_KEY_BYTES = 256,
    MAX_MESSAGE_BYTES = 4096,
    MAX_EMITS = 1000,
    MAX_SPAN_MS = 315360000000,
    MAX_ATTEMPTS = 1000,
    RING_BUCKETS = 5,
    EXPIRY_SLACK_MS = 60000,
    DEFER_MIN_MS = 25,
    DEFER_MAX_MS = 5000,
    SWEEP = 100,
  }
  return constants
end)()
local args = (function()
  local args = {}
  local UINT64_MAX = "18446744073709551615"
  function args.bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\1-\31\127-\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
  end
  function args.int(value, field, min, max)
    local number = value and #value <= 16 and string.find(value, "^%d+$") and tonumber(value)
    if not number or number < min or number > max or (#value > 1 and string.byte(value) == 48) then
      args.bad(field, value, "wanted an integer from " .. min .. " to " .. string.format("%.0f", max))
    end
    return number
  end
  function args.name(value, field)
    if not value or #value > 128 or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._-]*$") then
      args.bad(field, value, "wanted 1 to 128 of A-Z a-z 0-9 . _ - that start with a letter or digit")
    end
    return value
  end
  local function uint64(text)
    local digits = #text
    if digits > 1 and string.byte(text) == 48 then
      return false
    end
    return digits < 20 or (digits == 20 and text <= UINT64_MAX)
  end
  function args.id(value, field)
    local ms, seq
    if value then
      ms, seq = string.match(value, "^(%d+)-(%d+)$")
    end
    if not ms or not uint64(ms) or not uint64(seq) then
      args.bad(field, value, "wanted an entry ID such as 1764000000000-0")
    end
    return value
  end
  function args.key(value, field)
    if not value or #value == 0 or #value > constants.MAX_KEY_BYTES or string.find(value, "[%z\1-\31\127]") then
      args.bad(field, value, "wanted 1 to " .. constants.MAX_KEY_BYTES .. " bytes without control characters")
    end
    return value
  end
  function args.entry_key(value, field)
    return value == "" and value or args.key(value, field)
  end
  function args.text(value, field)
    if not value or #value > constants.MAX_MESSAGE_BYTES then
      args.bad(field, value, "wanted at most " .. constants.MAX_MESSAGE_BYTES .. " bytes")
    end
    return value
  end
  function args.nonce(value, field)
    if not value or #value > 64 or not string.find(value, "^[A-Za-z0-9_-]+$") then
      args.bad(field, value, "wanted 1 to 64 of A-Z a-z 0-9 _ -")
    end
    return value
  end
  function args.flag(value, field)
    if value ~= "0" and value ~= "1" then
      args.bad(field, value, "wanted 0 or 1")
    end
    return value == "1"
  end
  function args.items(first, width)
    local count = (#ARGV - first + 1) / width
    if count < 1 or count > constants.MAX_ENTRIES or count ~= math.floor(count) then
      args.bad(
        "ARGV",
        #ARGV,
        "wanted " .. (first - 1) .. " values and 1 to " .. constants.MAX_ENTRIES .. " times " .. width
      )
    end
    return count
  end
  function args.guarded(keys, run)
    if #KEYS ~= keys then
      return redis.error_reply("SLUICE_BADARG KEYS '" .. #KEYS .. "': wanted " .. keys)
    end
    local ok, reply = pcall(run)
    if ok or type(reply) == "table" then
      return reply
    end
    if string.find(reply, "^SLUICE_BADARG ") then
      return redis.error_reply(reply)
    end
    return redis.error_reply(string.match(reply, "%-(%u+ .*)$") or reply)
  end
  return args
end)()
local chunks = (function()
  local chunks = {}
  function chunks.call(values, width, ...)
    local size = constants.CHUNK - constants.CHUNK % width
    local head = { ... }
    local words = #head
    for first = 1, #values, size do
      for at = 1, math.min(size, #values - first + 1) do
        head[words + at] = values[first + at - 1]
      end
      redis.call(unpack(head, 1, words + math.min(size, #values - first + 1)))
    end
  end
  function chunks.ask(command, key, values)
    if #values <= constants.CHUNK then
      return #values == 0 and {} or redis.call(command, key, unpack(values))
    end
    local replies = {}
    for first = 1, #values, constants.CHUNK do
      local part =
        redis.call(command, key, unpack(values, first, math.min(first + constants.CHUNK - 1, #values)))
      for at = 1, #part do
        replies[first + at - 1] = part[at]
      end
    end
    return replies
  end
  return chunks
end)()
local clock = (function()
  local clock = {}
  function clock.now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
  return clock
end)()
local entries = (function()
  local entries = {}
  function entries.read(stream, id)
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
  function entries.key(fields)
    local ours = fields[1] == "key"
      and fields[3] == "event"
      and (#fields == 4 or (#fields == 6 and fields[5] == "group"))
    local key = ours and fields[2] or ""
    if #key > constants.MAX_KEY_BYTES or string.find(key, "[%z\1-\31\127]") then
      return ""
    end
    if string.find(key, "[\128-\255]") and not is_text(key) then
      return ""
    end
    return key
  end
  return entries
end)()
local dead = (function()
  local dead = {}
  local function packed(fields)
    local parts = {}
    for at = 1, #fields do
      parts[at] = string.gsub(fields[at], "[\\,]", "\\%0")
    end
    return { "fields", table.concat(parts, ",") }
  end
  function dead.write(stream, now, letter, group, fields)
    local whole = fields or {}
    local layout = "fields"
    if #whole > constants.CHUNK then
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
  local HEAD = 16
  function dead.read(stream, id)
    local found = redis.call("XRANGE", stream, id, id)[1]
    local values = found and found[2]
    if not values or values[1] ~= "entryId" then
      return nil
    end
    local fields = values[HEAD] == "fields" and { unpack(values, HEAD + 1) } or {}
    return { id = values[2], fields = entries.key(fields) ~= "" and fields or nil }
  end
  return dead
end)()
local status = (function()
  local status = {
    OK = "OK",
    PROTOCOL = "PROTOCOL",
    WRONGTYPE = "WRONGTYPE",
    NOGROUP = "NOGROUP",
    SUPERSEDED = "SUPERSEDED",
    SETTINGS = "SETTINGS",
    NOPERM = "NOPERM",
    EXHAUSTED = "EXHAUSTED",
    REFUSED = "REFUSED",
    NEW = "NEW",
    DUPLICATE = "DUPLICATE",
    MISMATCH = "MISMATCH",
    FULL = "FULL",
    LEASED = "LEASED",
    DEFERRED = "DEFERRED",
    LOST = "LOST",
    SUCCESS = "SUCCESS",
    SKIP = "SKIP",
    RETRY = "RETRY",
    FAILURE = "FAILURE",
    SETTLED = "SETTLED",
    WAITING = "WAITING",
    DEAD = "DEAD",
    FENCED = "FENCED",
    EXTENDED = "EXTENDED",
    RELEASED = "RELEASED",
    REPLAYED = "REPLAYED",
    DISCARDED = "DISCARDED",
    NOTFOUND = "NOTFOUND",
    CREATED = "CREATED",
    JOINED = "JOINED",
    HEALED = "HEALED",
    FAILED = "FAILED",
    MAX_ATTEMPTS = "MAX_ATTEMPTS",
    INVALID = "INVALID",
    MALFORMED = "MALFORMED",
    UNHANDLED = "UNHANDLED",
    EMIT_REJECTED = "EMIT_REJECTED",
  }
  return status
end)()
local protocol = (function()
  local protocol = {}
  protocol.CURRENT = tostring(constants.PROTOCOL)
  function protocol.refusal(recorded)
    if recorded and recorded ~= protocol.CURRENT then
      return { status.PROTOCOL, recorded }
    end
  end
  return protocol
end)()
local ring = (function()
  local ring = {}
  local COUNT = constants.RING_BUCKETS
  local REMEMBERED = COUNT - 1
  local function bucket_width(ttl_ms)
    return math.ceil(ttl_ms / (REMEMBERED - 1))
  end
  function ring.at(buckets, recorded, ttl_ms, now)
    local self = { buckets = buckets, now = now, turns = 0, recorded = recorded.index ~= nil }
    self.index = recorded.index or 0
    self.next_width = bucket_width(ttl_ms)
    self.width = recorded.width or self.next_width
    self.opened_at = math.min(recorded.opened_at or now, now)
    self.moved_back = self.recorded and self.opened_at ~= recorded.opened_at
    local closes_at = self.opened_at + self.width
    if closes_at <= now then
      local turns = 1 + math.floor((now - closes_at) / self.next_width)
      self.from = self.index
      self.turns = math.min(turns, COUNT)
      self.index = (self.index + turns) % COUNT
      self.opened_at = closes_at + (turns - 1) * self.next_width
      self.width = self.next_width
    end
    return self
  end
  local function bucket(self, back)
    return self.buckets[(self.index - back) % COUNT + 1]
  end
  local function forgotten(self)
    local names = {}
    for turn = 1, self.turns do
      names[self.buckets[(self.from + turn) % COUNT + 1]] = true
    end
    return names
  end
  function ring.live(self)
    local gone, names = forgotten(self), {}
    for back = 0, REMEMBERED - 1 do
      local name = bucket(self, back)
      if not gone[name] then
        names[#names + 1] = name
      end
    end
    return names
  end
  function ring.remembers(self, members)
    local found = {}
    for _, name in ipairs(ring.live(self)) do
      if redis.call("EXISTS", name) == 1 then
        local replies = chunks.ask("SMISMEMBER", name, members)
        for at = 1, #members do
          if replies[at] == 1 then
            found[members[at]] = true
          end
        end
      end
    end
    return found
  end
  local function expire(self, back)
    local slack = math.min(math.ceil(self.width / 10), constants.EXPIRY_SLACK_MS)
    local at = self.opened_at + self.width + (REMEMBERED - 1 - back) * self.next_width + slack
    redis.call("PEXPIREAT", bucket(self, back), at)
  end
  function ring.turn(self, state)
    if self.recorded and self.turns == 0 and not self.moved_back then
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
    self.recorded, self.turns, self.moved_back = true, 0, false
  end
  function ring.add(self, state, members)
    if #members > 0 then
      ring.turn(self, state)
      chunks.call(members, 1, "SADD", bucket(self, 0))
      expire(self, 0)
    end
  end
  function ring.forget(self, member)
    for at = 1, COUNT do
      redis.call("SREM", self.buckets[at], member)
    end
  end
  return ring
end)()
local group = (function()
  local group = {}
  function group.incarnation_field(consumer)
    return "incarnation:" .. consumer
  end
  function group.load(meta, state, consumer)
    local refusal = protocol.refusal(redis.call("HGET", meta, "protocol"))
    if refusal then
      return refusal
    end
    return nil, group.read(state, consumer)
  end
  function group.read(state, consumer)
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
      group.incarnation_field(consumer)
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
      return ring.at(buckets, recorded, loaded.ttl_ms, now)
    end
    return loaded
  end
  function group.join(meta, state, consumer, incarnation)
    local refusal, loaded = group.load(meta, state, consumer)
    if refusal then
      return refusal
    end
    if not loaded.ttl_ms or not loaded.lease_ms or not loaded.max_attempts or not loaded.incarnation then
      return { status.NOGROUP }
    end
    if loaded.incarnation ~= incarnation then
      return { status.SUPERSEDED }
    end
    return nil, loaded
  end
  return group
end)()
local marks = (function()
  local marks = {}
  function marks.of_entry(id)
    return "#" .. id
  end
  function marks.of_key(key, id)
    if key == "" then
      return "#" .. id
    end
    return string.byte(key) == 35 and "#" .. key or key
  end
  return marks
end)()
local pending = (function()
  local pending = {}
  pending.WAITING = "/waiting"
  function pending.group_exists(stream, group)
    local reply = redis.pcall("XPENDING", stream, group, "-", "+", 1)
    if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
      error(reply, 0)
    end
    return reply.err == nil
  end
  local BEHIND_ALL = "18446744073709551615-18446744073709551614"
  function pending.be_heard(stream, group, consumer)
    redis.call("XREADGROUP", "GROUP", group, consumer, "COUNT", 1, "STREAMS", stream, BEHIND_ALL)
  end
  function pending.entry(stream, group, id)
    return redis.call("XPENDING", stream, group, id, id, 1)[1]
  end
  function pending.touch(stream, group, consumer, ids)
    if #ids > 0 then
      local claim = { unpack(ids) }
      claim[#claim + 1] = "JUSTID"
      redis.call("XCLAIM", stream, group, consumer, 0, unpack(claim))
    end
  end
  function pending.take(stream, group, consumer, id, attempt)
    redis.call("XCLAIM", stream, group, consumer, 0, id, "RETRYCOUNT", attempt, "JUSTID")
  end
  function pending.park(stream, group, retries, id, attempt, first_ms, due_at)
    redis.call(
      "XCLAIM",
      stream,
      group,
      pending.WAITING,
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
  function pending.put_back(stream, group, retries, id, now)
    redis.call("XCLAIM", stream, group, pending.WAITING, 0, id, "TIME", now, "RETRYCOUNT", 1, "FORCE", "JUSTID")
    redis.call("ZADD", retries, now, id)
  end
  function pending.acknowledge(stream, group, ids)
    if #ids > 0 then
      chunks.call(ids, 1, "XACK", stream, group)
    end
  end
  function pending.next_due_in(retries, now)
    local first = redis.call("ZRANGE", retries, 0, 0, "WITHSCORES")
    return first[2] and math.max(0, math.ceil(first[2] - now)) or -1
  end
  return pending
end)()
local ids = (function()
  local ids = {}
  ids.UINT64_MAX = "18446744073709551615"
  local function less_number(a, b)
    if #a ~= #b then
      return #a < #b
    end
    return a < b
  end
  function ids.split(id)
    local ms, seq = string.match(id, "^(%d+)-(%d+)$")
    return ms, seq
  end
  function ids.less(a, b)
    local a_ms, a_seq = ids.split(a)
    local b_ms, b_seq = ids.split(b)
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
  function ids.before(id)
    local ms, seq = ids.split(id)
    if seq ~= "0" then
      return ms .. "-" .. decrement(seq)
    end
    return ms == "0" and id or decrement(ms) .. "-" .. ids.UINT64_MAX
  end
  local function increment(digits)
    local nines = #string.match(digits, "9*$")
    local place = #digits - nines
    if place == 0 then
      return "1" .. string.rep("0", nines)
    end
    return string.sub(digits, 1, place - 1) .. (string.byte(digits, place) - 47) .. string.rep("0", nines)
  end
  function ids.after(id)
    local ms, seq = ids.split(id)
    if seq ~= ids.UINT64_MAX then
      return ms .. "-" .. increment(seq)
    end
    return ms == ids.UINT64_MAX and id or increment(ms) .. "-0"
  end
  return ids
end)()
local stream = (function()
  local stream = {}
  function stream.ask(what, key)
    local reply = redis.pcall("XINFO", what, key)
    if not reply.err then
      return reply
    end
    if not string.find(reply.err, "no such key", 1, true) then
      error(reply, 0)
    end
  end
  function stream.about(key)
    local reply = stream.ask("STREAM", key)
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
  function stream.last_id(key)
    local about = stream.about(key)
    return about and about.last_id or "0-0"
  end
  function stream.has_room(last_id)
    local ms, seq = ids.split(last_id)
    return ms ~= ids.UINT64_MAX or #seq < #ids.UINT64_MAX
  end
  return stream
end)()
local tokens = (function()
  local tokens = {}
  function tokens.make(id, consumer, attempt, nonce, first_ms)
    return id .. "|" .. consumer .. "|" .. attempt .. "|" .. nonce .. "." .. first_ms
  end
  function tokens.entry(token)
    return string.match(token, "^[^|]*")
  end
  function tokens.history(token)
    local attempt, first_ms = string.match(token, "|(%d+)|[^|]*%.(%d+)$")
    return tonumber(attempt), tonumber(first_ms)
  end
  return tokens
end)()
local types = (function()
  local types = {}
  function types.refusal(...)
    local wanted = { ... }
    for at = 1, #wanted, 2 do
      local found = redis.call("TYPE", wanted[at]).ok
      if found ~= "none" and found ~= wanted[at + 1] then
        return { status.WRONGTYPE, wanted[at], found, wanted[at + 1] }
      end
    end
  end
  function types.refusal_of_all(keys, wanted)
    for at = 1, #keys do
      local refusal = types.refusal(keys[at], wanted)
      if refusal then
        return refusal
      end
    end
  end
  return types
end)()
local window = (function()
  local stream_info = stream
  local window = {}
  window.FIELDS = { "windowIndex", "windowOpenedAt", "windowWidth" }
  function window.at(generations, recorded, window_ms, now)
    local index, opened_at, width = tonumber(recorded[1]), tonumber(recorded[2]), tonumber(recorded[3])
    local self = { generations = generations, window_ms = window_ms, turns = 0, recorded = index ~= nil }
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
    self.changed = not self.recorded or self.turns > 0 or self.opened_at ~= opened_at
    return self
  end
  local function generation(self, back)
    return self.generations[(self.index + back) % 2 + 1]
  end
  local function forget_unknown(found, stream)
    if next(found) then
      local last_id = stream_info.last_id(stream)
      for key, first in pairs(found) do
        if ids.less(last_id, first.id) then
          found[key] = nil
        end
      end
    end
    return found
  end
  function window.published(self, stream, keys)
    local found = {}
    for back = 0, 1 do
      local live = (back == 0 and self.turns == 0) or (back == 1 and self.turns <= 1)
      if live and #keys > 0 then
        local replies = chunks.ask("HMGET", generation(self, back), keys)
        for at = 1, #keys do
          if replies[at] and not found[keys[at]] then
            local id, fingerprint = string.match(replies[at], "^([^|]*)|(.*)$")
            found[keys[at]] = { id = id, fingerprint = fingerprint }
          end
        end
      end
    end
    return forget_unknown(found, stream)
  end
  local function expire(self, back)
    local slack = math.min(math.ceil(self.width / 10), constants.EXPIRY_SLACK_MS)
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
  function window.add(self, meta, pairs_)
    if #pairs_ > 0 then
      turn(self, meta)
      chunks.call(pairs_, 2, "HSET", generation(self, 0))
      expire(self, 0)
    end
  end
  return window
end)()
local dead_letters = dead
local group_state = group
local stream_info = stream
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
local function bury(attempt, reason, message)
  attempt.outcome, attempt.reason, attempt.message, attempt.emits = status.FAILURE, reason, message, nil
end
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
