// Generated from src/scripts/replay.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** replay: give dead letters back to the group that they died in. */
export const replayScript: Script = {
  name: "replay",
  sha1: "ecf2c84b348e06057e415fabc168b73b5f03f873",
  keys: ["stream", "meta", "processed.0", "processed.1", "processed.2", "processed.3", "processed.4", "retries", "dead", "state"],
  groupKeys: [],
  source: `-- sluice replay: generated from src/scripts/replay.lua, do not edit
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
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\\1-\\31\\127-\\255]", "?")
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
    if not value or #value == 0 or #value > constants.MAX_KEY_BYTES or string.find(value, "[%z\\1-\\31\\127]") then
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
      if not follow or not string.find(text, "^" .. string.rep("[\\128-\\191]", follow), at + 1) then
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
    return not string.find(text, "\\239\\191\\189", 1, true)
  end
  function entries.key(fields)
    local ours = fields[1] == "key"
      and fields[3] == "event"
      and (#fields == 4 or (#fields == 6 and fields[5] == "group"))
    local key = ours and fields[2] or ""
    if #key > constants.MAX_KEY_BYTES or string.find(key, "[%z\\1-\\31\\127]") then
      return ""
    end
    if string.find(key, "[\\128-\\255]") and not is_text(key) then
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
      parts[at] = string.gsub(fields[at], "[\\\\,]", "\\\\%0")
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
local lowwater = (function()
  local stream_info = stream
  local lowwater = {}
  function lowwater.groups(stream)
    local found = {}
    local groups = stream_info.ask("GROUPS", stream) or {}
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
  function lowwater.group(stream, name)
    local groups = lowwater.groups(stream)
    for at = 1, #groups do
      if groups[at].name == name then
        return groups[at]
      end
    end
  end
  function lowwater.of(stream, group)
    local oldest = redis.call("XPENDING", stream, group.name, "-", "+", 1)[1]
    return oldest and ids.before(oldest[1]) or group.last_delivered
  end
  function lowwater.field(name)
    return "group:" .. name
  end
  function lowwater.group_of(field)
    return string.match(field, "^group:(.*)$")
  end
  function lowwater.least(stream, meta)
    local least, whose
    local function note(id, name)
      if not least or ids.less(id, least) then
        least, whose = id, name
      end
    end
    local live = {}
    for _, group in ipairs(lowwater.groups(stream)) do
      live[group.name] = true
      note(lowwater.of(stream, group), group.name)
    end
    local recorded = redis.call("HGETALL", meta)
    for at = 1, #recorded, 2 do
      local name = lowwater.group_of(recorded[at])
      if name and not live[name] then
        note(recorded[at + 1], name)
      end
    end
    return least, whose
  end
  return lowwater
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
local dead_letters = dead
local group_state = group
local stream_info = stream
local stream, meta = KEYS[1], KEYS[2]
local processed = { KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7] }
local retries, dead, state = KEYS[8], KEYS[9], KEYS[10]
local HEAD = 1
local function judge(letter_id)
  local letter = dead_letters.read(dead, letter_id)
  if not letter then
    return {}
  end
  local in_place = entries.read(stream, letter.id) ~= nil
  return { id = letter.id, in_place = in_place, anew = not in_place and letter.fields ~= nil }
end
local function add_anew(group, letter_id)
  local fields = dead_letters.read(dead, letter_id).fields
  return redis.call("XADD", stream, "*", fields[1], fields[2], fields[3], fields[4], "group", group)
end
local function run()
  local group = args.name(ARGV[1], "group")
  local count = args.items(HEAD + 1, 1)
  local letters = {}
  for n = 1, count do
    letters[n] = args.id(ARGV[HEAD + n], "letter")
  end
  local refusal = types.refusal(
    stream,
    "stream",
    meta,
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
  refusal, loaded = group_state.load(meta, state, "")
  if refusal then
    return refusal
  end
  if not loaded.ttl_ms or not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end
  local plan, any_anew = {}, false
  for n = 1, count do
    local letter_id = letters[n]
    plan[letter_id] = plan[letter_id] or judge(letter_id)
    any_anew = any_anew or plan[letter_id].anew
  end
  if any_anew and not stream_info.has_room(stream_info.last_id(stream)) then
    return { status.EXHAUSTED }
  end
  local now = clock.now()
  local marked = loaded.ring(processed, now)
  local reply, any_in_place = { status.OK }, false
  for n = 1, count do
    local letter_id = letters[n]
    local letter, entry_id = plan[letter_id], ""
    if letter.in_place then
      entry_id, any_in_place = letter.id, true
      pending.put_back(stream, group, retries, entry_id, now)
    elseif letter.anew then
      entry_id = add_anew(group, letter_id)
    end
    if entry_id ~= "" then
      ring.forget(marked, marks.of_entry(letter.id))
      redis.call("XDEL", dead, letter_id)
      plan[letter_id] = {}
    end
    reply[#reply + 1] = entry_id ~= "" and status.REPLAYED or status.NOTFOUND
    reply[#reply + 1] = entry_id
  end
  if any_in_place then
    local existing = lowwater.group(stream, group)
    redis.call("HSET", meta, lowwater.field(group), lowwater.of(stream, existing))
  end
  return reply
end
return args.guarded(10, run)
`,
};
