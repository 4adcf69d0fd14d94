// Generated from src/scripts/publish.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** publish: add a batch of events to a stream, each key once within the publish window. */
export const publishScript: Script = {
  name: "publish",
  sha1: "34ed0afc04cbf021b05561e375fd15bd9254aa28",
  keys: ["stream", "meta", "published.0", "published.1"],
  groupKeys: [],
  source: `-- sluice publish: generated from src/scripts/publish.lua, do not edit
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
local stream_info = stream
local stream, meta, published_0, published_1 = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local HEAD, WIDTH = 3, 3
local function lesser_limit(a, b)
  return (a == 0 and b) or (b == 0 and a) or math.min(a, b)
end
local function slowest_group()
  local _, name = lowwater.least(stream, meta)
  return name or ""
end
local function run()
  local window_ms = args.int(ARGV[1], "windowMs", 0, constants.MAX_SPAN_MS)
  local max_length = args.int(ARGV[2], "maxLength", 0, 2 ^ 53)
  local atomic = args.flag(ARGV[3], "atomic")
  local count = args.items(HEAD + 1, WIDTH)
  local keys = {}
  for n = 1, count do
    keys[n] = args.key(ARGV[HEAD + (n - 1) * WIDTH + 1], "idempotency_key")
  end
  local refusal = types.refusal(stream, "stream", meta, "hash", published_0, "hash", published_1, "hash")
  if refusal then
    return refusal
  end
  local recorded = redis.call("HMGET", meta, "protocol", "maxLength", unpack(window.FIELDS))
  refusal = protocol.refusal(recorded[1])
  if refusal then
    return refusal
  end
  max_length = lesser_limit(max_length, tonumber(recorded[2] or 0))
  local publish_window = window_ms > 0
    and window.at(
      { published_0, published_1 },
      { recorded[3], recorded[4], recorded[5] },
      window_ms,
      clock.now()
    )
  local known = publish_window and window.published(publish_window, stream, keys) or {}
  local room = max_length > 0 and max_length - redis.call("XLEN", stream) or count
  local verdicts, refused, full = {}, false, false
  local first_in_batch = {}
  for n = 1, count do
    local key, fingerprint = keys[n], ARGV[HEAD + n * WIDTH]
    local first = known[key]
    local twin = publish_window and first_in_batch[key]
    if first or twin then
      local same = fingerprint == (first and first.fingerprint or ARGV[HEAD + twin * WIDTH])
      verdicts[n] = same and status.DUPLICATE or status.MISMATCH
    elseif room <= 0 then
      verdicts[n], full = status.FULL, true
    else
      verdicts[n], room = status.NEW, room - 1
      first_in_batch[key] = n
    end
    refused = refused or verdicts[n] == status.MISMATCH or verdicts[n] == status.FULL
  end
  refused = refused and atomic
  local added, fresh = {}, {}
  for n = 1, refused and 0 or count do
    if verdicts[n] == status.NEW then
      local event = ARGV[HEAD + (n - 1) * WIDTH + 2]
      local id = redis.pcall("XADD", stream, "*", "key", keys[n], "event", event)
      if type(id) == "table" then
        return string.find(id.err, "exhausted", 1, true) and { status.EXHAUSTED } or id
      end
      if #fresh == 0 and not next(added) and not stream_info.has_room(id) then
        redis.call("XDEL", stream, id)
        return { status.EXHAUSTED }
      end
      added[n] = id
      if publish_window then
        fresh[#fresh + 1] = keys[n]
        fresh[#fresh + 1] = id .. "|" .. ARGV[HEAD + n * WIDTH]
      end
    end
  end
  if next(added) then
    if not recorded[1] then
      redis.call("HSET", meta, "protocol", protocol.CURRENT)
    end
    if publish_window then
      window.add(publish_window, meta, fresh)
    end
  end
  local reply = {
    refused and status.REFUSED or status.OK,
    max_length > 0 and redis.call("XLEN", stream) or 0,
    max_length,
    full and slowest_group() or "",
  }
  for n = 1, count do
    local key = keys[n]
    reply[#reply + 1] = verdicts[n]
    reply[#reply + 1] = added[n] or known[key] and known[key].id or added[first_in_batch[key]] or ""
  end
  return reply
end
return args.guarded(4, run)
`,
};
