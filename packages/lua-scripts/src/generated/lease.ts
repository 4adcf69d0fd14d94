// Generated from src/scripts/lease.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** lease: decide, for a batch that XREADGROUP delivered, which entries this consumer may handle. */
export const leaseScript: Script = {
  name: "lease",
  sha1: "337caeb0fc09054fc4624c535e376317cad68f13",
  keys: ["stream", "meta", "leases", "processed.0", "processed.1", "processed.2", "processed.3", "processed.4", "retries", "state"],
  groupKeys: [],
  source: `-- sluice lease: generated from src/scripts/lease.lua, do not edit
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
  return ids
end)()
local types = (function()
  local types = {}
  function types.refusal(wanted)
    for at = 1, #wanted do
      local found = redis.call("TYPE", KEYS[at]).ok
      if found ~= "none" and found ~= wanted[at] then
        return { "WRONGTYPE", KEYS[at], found, wanted[at] }
      end
    end
  end
  return types
end)()
local args = (function()
  local args = {}
  function args.bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\\1-\\31\\127-\\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
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
    return digits < 20 or (digits == 20 and text <= ids.UINT64_MAX)
  end
  function args.id(value, field)
    local ms, seq
    if value then
      ms, seq = ids.split(value)
    end
    if not ms or not uint64(ms) or not uint64(seq) then
      args.bad(field, value, "wanted an entry ID such as 1764000000000-0")
    end
    return value
  end
  function args.key(value, field)
    if not value or #value > 256 or not string.find(value, "^[^%c]+$") then
      args.bad(field, value, "wanted 1 to " .. 256 .. " bytes without control characters")
    end
    return value
  end
  function args.entry_key(value, field)
    return value == "" and value or args.key(value, field)
  end
  function args.nonce(value, field)
    if not value or #value > 64 or not string.find(value, "^[A-Za-z0-9_-]+$") then
      args.bad(field, value, "wanted 1 to 64 of A-Z a-z 0-9 _ -")
    end
    return value
  end
  function args.items(first, width)
    local count = (#ARGV - first + 1) / width
    if count < 1 or count > 1000 or count ~= math.floor(count) then
      args.bad(
        "ARGV",
        #ARGV,
        "wanted " .. (first - 1) .. " values and 1 to " .. 1000 .. " times " .. width
      )
    end
    return count
  end
  function args.guarded(wanted, run)
    if #KEYS ~= #wanted then
      return redis.error_reply("SLUICE_BADARG KEYS '" .. #KEYS .. "': wanted " .. #wanted)
    end
    local ok, reply = pcall(run)
    if ok then
      local refused = reply[1] ~= "OK" and reply[1] ~= "NOPERM"
      return refused and types.refusal(wanted) or reply
    end
    local text = reply.err or reply
    if not string.find(text, "^SLUICE_BADARG ") then
      text = string.match(text, "%-(%u+ .*)$") or text
    end
    return string.find(text, "^WRONGTYPE ") and types.refusal(wanted) or redis.error_reply(text)
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
local chunks = (function()
  local chunks = {}
  function chunks.call(values, width, command, key)
    local size = 1000 - 1000 % width
    for first = 1, #values, size do
      redis.call(command, key, unpack(values, first, math.min(first + size - 1, #values)))
    end
  end
  function chunks.ask(command, key, values)
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
  return chunks
end)()
local pending = (function()
  local pending = {}
  pending.WAITING = "/waiting"
  function pending.group_exists(stream, group)
    local reply = redis.pcall("XPENDING", stream, group, "-", "+", 0)
    if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
      error(reply, 0)
    end
    return reply.err == nil
  end
  function pending.entry(stream, group, id)
    return redis.call("XPENDING", stream, group, id, id, 1)[1]
  end
  function pending.touch(stream, group, consumer, ids)
    if #ids > 0 then
      ids[#ids + 1] = "JUSTID"
      redis.call("XCLAIM", stream, group, consumer, 0, unpack(ids))
      ids[#ids] = nil
    end
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
  function pending.acknowledge(stream, group, ids)
    if #ids > 0 then
      redis.call("XACK", stream, group, unpack(ids))
    end
  end
  function pending.next_due_in(retries, now)
    local first = redis.call("ZRANGE", retries, 0, 0, "WITHSCORES")
    return first[2] and math.max(0, math.ceil(first[2] - now)) or -1
  end
  return pending
end)()
local tokens = (function()
  local tokens = {}
  function tokens.tail(consumer, attempt, nonce, first_ms)
    return "|" .. consumer .. "|" .. attempt .. "|" .. nonce .. "." .. first_ms
  end
  function tokens.entry(token)
    return string.match(token, "^[^|]*")
  end
  function tokens.history(token)
    local attempt, first_ms = string.match(token, "^[^|]*|[^|]*|(%d+)|[^|.]*%.(%d+)$")
    return tonumber(attempt), tonumber(first_ms)
  end
  return tokens
end)()
local deferral = (function()
  local deferral = {}
  function deferral.holder(stream, group, token, id)
    local holder = token and tokens.entry(token)
    if holder and holder ~= id and pending.entry(stream, group, holder) then
      return token
    end
  end
  function deferral.due_at(holder, now)
    local _, first_ms = tokens.history(holder)
    local age = now - (first_ms or now)
    return now + math.min(math.max(age, 25), 5000)
  end
  return deferral
end)()
local protocol = (function()
  local protocol = {}
  protocol.CURRENT = tostring(1)
  function protocol.refusal(recorded)
    if recorded and recorded ~= protocol.CURRENT then
      return { "PROTOCOL", recorded }
    end
  end
  return protocol
end)()
local ring = (function()
  local ring = {}
  local COUNT = 5
  local REMEMBERED = COUNT - 1
  local function bucket_width(ttl_ms)
    return math.ceil(ttl_ms / (REMEMBERED - 1))
  end
  local function place(self, back)
    return (self.index - back) % COUNT + 1
  end
  function ring.at(buckets, recorded, ttl_ms, now)
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
  function ring.remembers(self, members)
    local found = {}
    for back = 0, REMEMBERED - 1 do
      local at = place(self, back)
      if self.sizes[at] > 0 then
        local replies = chunks.ask("SMISMEMBER", self.buckets[at], members)
        for n = 1, #members do
          if replies[n] == 1 then
            found[members[n]] = true
          end
        end
      end
    end
    return found
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
      return { "NOGROUP" }
    end
    if loaded.incarnation ~= incarnation then
      return { "SUPERSEDED" }
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
local group_state = group
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
    args.id(asked[n], "entry_id")
  end
  if not pending.group_exists(stream, group) then
    return nil
  end
  local seen = {}
  for n, id in ipairs(asked) do
    local about = not seen[id] and pending.entry(stream, group, id)
    idle[n] = about and about[2] == consumer and about[4] == 1 and about[3]
    seen[id] = true
  end
  return idle
end
local function remembered(processed_ring, read_to, asked, held_as)
  if read_to == "0-0" then
    return ring.remembers(processed_ring, held_as)
  end
  local members = { unpack(held_as) }
  for n = 1, #asked do
    if not ids.less(read_to, asked[n]) then
      members[#members + 1] = marks.of_entry(asked[n])
    end
  end
  return ring.remembers(processed_ring, members)
end
local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation, nonce = args.nonce(ARGV[3], "incarnation"), args.nonce(ARGV[4], "nonce")
  local count = args.items(HEAD + 1, WIDTH)
  local asked, held_as = {}, {}
  for n = 1, count do
    local id, key = ARGV[HEAD + n * WIDTH - 1], ARGV[HEAD + n * WIDTH]
    asked[n] = id
    held_as[n] = marks.of_key(args.entry_key(key, "idempotency_key"), id)
  end
  local refusal, loaded = group_state.join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  local idle = first_deliveries(group, consumer, asked)
  if not idle then
    return { "NOGROUP" }
  end
  local now = clock.now()
  local held = chunks.ask("HMGET", leases, held_as)
  local settled = remembered(loaded.ring(processed, now), loaded.read_to, asked, held_as)
  local tail = tokens.tail(consumer, 1, nonce, now)
  local reply = { "OK", pending.next_due_in(retries, now), now }
  local rested_ms = loaded.lease_ms / 100
  local duplicates, restarted, deferred, new_tokens, taken = {}, {}, {}, {}, {}
  for n = 1, count do
    local id, key = asked[n], held_as[n]
    local token = taken[key] or held[n]
    local exception
    if not idle[n] or token and tokens.entry(token) == id then
      exception = "LOST"
    elseif settled[key] or settled[marks.of_entry(id)] then
      exception = "DUPLICATE"
      duplicates[#duplicates + 1] = id
    else
      local holder = taken[key] or token and deferral.holder(stream, group, token, id)
      if holder then
        exception = "DEFERRED"
        deferred[#deferred + 1] = { id = id, due_at = deferral.due_at(holder, now) }
      else
        taken[key] = id .. tail
        if idle[n] > rested_ms then
          restarted[#restarted + 1] = id
        end
        new_tokens[#new_tokens + 1] = key
        new_tokens[#new_tokens + 1] = taken[key]
      end
    end
    if exception then
      reply[#reply + 1] = n
      reply[#reply + 1] = exception
    end
  end
  redis.call("HDEL", leases, "")
  pending.touch(stream, group, consumer, restarted)
  pending.acknowledge(stream, group, duplicates)
  for _, entry in ipairs(deferred) do
    pending.park(stream, group, retries, entry.id, 1, now, entry.due_at)
  end
  chunks.call(new_tokens, 2, "HSET", leases)
  if #deferred > 0 then
    reply[2] = pending.next_due_in(retries, now)
  end
  return reply
end
return args.guarded(TYPES, run)
`,
};
