// Generated from src/scripts/retire.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** retire: remove consumers that have nothing pending. */
export const retireScript: Script = {
  name: "retire",
  sha1: "3e75e6531cac4b5d181dde350be3fb0e564c2f56",
  keys: ["stream", "meta", "state"],
  groupKeys: [],
  source: `-- sluice retire: generated from src/scripts/retire.lua, do not edit
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
local group_state = group
local stream, meta, state = KEYS[1], KEYS[2], KEYS[3]
local function goes_by(name, incarnation)
  return not incarnation or redis.call("HGET", state, group_state.incarnation_field(name)) == incarnation
end
local function forget(name)
  redis.call("HDEL", state, group_state.incarnation_field(name))
end
local function run()
  local group = args.name(ARGV[1], "group")
  local idle_ms = args.int(ARGV[2], "idleMs", 0, constants.MAX_SPAN_MS)
  local only = ARGV[3] ~= "" and args.name(ARGV[3], "consumer")
  local incarnation = ARGV[4] ~= "" and args.nonce(ARGV[4], "incarnation")
  if #ARGV ~= 4 then
    args.bad("ARGV", #ARGV, "wanted 4 values")
  end
  local refusal = types.refusal(stream, "stream", meta, "hash", state, "hash")
    or protocol.refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  if not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end
  local reply, here = { status.OK }, {}
  for _, about in ipairs(redis.call("XINFO", "CONSUMERS", stream, group)) do
    local name, held, idle = about[2], about[4], about[6]
    here[name] = true
    local asked = name ~= pending.WAITING and (not only or name == only)
    if asked and held == 0 and idle >= idle_ms and goes_by(name, incarnation) then
      redis.call("XGROUP", "DELCONSUMER", stream, group, name)
      forget(name)
      reply[#reply + 1] = name
    end
  end
  if only and incarnation and not here[only] and goes_by(only, incarnation) then
    forget(only)
  end
  return reply
end
return args.guarded(3, run)
`,
};
