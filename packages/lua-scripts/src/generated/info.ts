// Generated from src/scripts/info.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** info: everything that monitoring asks of a stream, at one moment. */
export const infoScript: Script = {
  name: "info",
  sha1: "db712600f69142aa5390432a73f8ee6e1c92c24f",
  keys: ["stream", "meta"],
  groupKeys: ["processed.0", "processed.1", "processed.2", "processed.3", "processed.4", "retries", "dead", "state"],
  source: `-- sluice info: generated from src/scripts/info.lua, do not edit
local ids_split, ids_less
do
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
local args_bad, args_name, args_guarded
do
  function args_bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\\1-\\31\\127-\\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
  end
  function args_name(value, field)
    if not value or #value > 128 or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._-]*$") then
      args_bad(field, value, "wanted 1 to 128 of A-Z a-z 0-9 . _ - that start with a letter or digit")
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
local clock_now
do
  function clock_now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
end
local ring_at, ring_count
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
  function ring_count(self)
    local count = 0
    for back = 0, REMEMBERED - 1 do
      count = count + self.sizes[place(self, back)]
    end
    return count
  end
end
local group_incarnation_field, group_read
do
  function group_incarnation_field(consumer)
    return "incarnation:" .. consumer
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
local memory_usage
do
  function memory_usage(key)
    local found = redis.pcall("MEMORY", "USAGE", key)
    if type(found) == "number" then
      return found
    end
  end
end
local lag_of
do
  local COUNT_BYTES, COUNT_MAX, COUNT_UNSIZED = 4194304, 1000, 16
  local function counted(stream, about, delivered)
    local bytes = memory_usage(stream)
    local fitting = bytes and math.floor(COUNT_BYTES * about.length / bytes) or COUNT_UNSIZED
    local limit = math.max(1, math.min(COUNT_MAX, fitting))
    local found = #redis.call("XRANGE", stream, "(" .. delivered, "+", "COUNT", limit)
    if found < limit then
      return found
    end
  end
  function lag_of(stream, about, delivered, reported, trimmed)
    if not about or about.length == 0 or not ids_less(delivered, about.newest_id) then
      return 0, true
    end
    if ids_less(delivered, about.first_id) then
      return about.length, true
    end
    local removed_by_us = about.added and about.added - about.length == tonumber(trimmed or 0)
    if reported and removed_by_us then
      return math.min(reported, about.length), true
    end
    local count = counted(stream, about, delivered)
    if count then
      return count, true
    end
    return math.min(reported or about.length, about.length), false
  end
end
local stream_ask, stream_about
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
end
local lowwater_groups, lowwater_field, lowwater_group_of
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
  function lowwater_field(name)
    return "group:" .. name
  end
  function lowwater_group_of(field)
    return string.match(field, "^group:(.*)$")
  end
end
local pending_WAITING
do
  pending_WAITING = "/waiting"
end
local stream, meta = KEYS[1], KEYS[2]
local TYPES = { "stream", "hash" }
local GROUP_TYPES = { "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local FIXED, PER_GROUP = #TYPES, #GROUP_TYPES
for at = 1, #ARGV * PER_GROUP do
  TYPES[FIXED + at] = GROUP_TYPES[(at - 1) % PER_GROUP + 1]
end
local function keys_of(n)
  local first = FIXED + (n - 1) * PER_GROUP
  return {
    processed = { KEYS[first + 1], KEYS[first + 2], KEYS[first + 3], KEYS[first + 4], KEYS[first + 5] },
    retries = KEYS[first + 6],
    dead = KEYS[first + 7],
    state = KEYS[first + 8],
  }
end
local function all_groups(live, recorded)
  local names, seen = {}, {}
  for at = 1, #live do
    names[at], seen[live[at].name] = live[at].name, live[at]
  end
  for at = 1, #recorded, 2 do
    local name = lowwater_group_of(recorded[at])
    if name and not seen[name] then
      names[#names + 1] = name
    end
  end
  return names, seen
end
local function consumers_of(name)
  local found = {}
  for _, about in ipairs(redis.call("XINFO", "CONSUMERS", stream, name)) do
    if about[2] ~= pending_WAITING then
      found[#found + 1] = about[2]
      found[#found + 1] = about[4]
      found[#found + 1] = about[6]
    end
  end
  return found
end
local function describe(reply, name, live, keys, about, recorded, now)
  local function say(value)
    reply[#reply + 1] = value
  end
  local loaded = group_read(keys.state, "")
  local low_water = recorded[lowwater_field(name)]
  local oldest = live and redis.call("XPENDING", stream, name, "-", "+", 1)[1]
  local delivered = live and live.last_delivered or low_water or "0-0"
  local behind, exact = lag_of(stream, about, delivered, live and live.lag, recorded.trimmed)
  local first_due = redis.call("ZRANGE", keys.retries, 0, 0, "WITHSCORES")[2]
  local consumers = live and consumers_of(name) or {}
  say(name)
  say(live and 1 or 0)
  say(live and live.pending or 0)
  say(behind)
  say(exact and 1 or 0)
  say(delivered)
  say(oldest and math.max(0, now - tonumber((ids_split(oldest[1])))) or 0)
  say(redis.call("ZCARD", keys.retries))
  say(first_due and tonumber(first_due) or -1)
  say(redis.call("XLEN", keys.dead))
  say(loaded.ttl_ms and ring_count(loaded.ring(keys.processed, now)) or 0)
  say(low_water or "")
  say(loaded.ttl_ms or 0)
  say(loaded.lease_ms or 0)
  say(loaded.max_attempts or 0)
  say(#consumers / 3)
  for at = 1, #consumers do
    say(consumers[at])
  end
end
local function run()
  if #ARGV > 1000 then
    args_bad("groups", #ARGV, "wanted at most " .. 1000)
  end
  local asked = {}
  for n = 1, #ARGV do
    asked[n] = args_name(ARGV[n], "group")
  end
  local refusal = types_refusal(TYPES)
  if refusal then
    return refusal
  end
  local now = clock_now()
  local about = stream_about(stream)
  local fields = redis.call("HGETALL", meta)
  local recorded = {}
  for at = 1, #fields, 2 do
    recorded[fields[at]] = fields[at + 1]
  end
  local names, live = all_groups(lowwater_groups(stream), fields)
  local reply = {
    "OK",
    now,
    about and 1 or 0,
    about and about.length or 0,
    about and about.first_id or "",
    about and about.newest_id or "",
    about and (memory_usage(stream) or -1) or 0,
    recorded.protocol or "",
    tonumber(recorded.maxLength or 0),
    #names,
  }
  for at = 1, #names do
    reply[#reply + 1] = names[at]
  end
  for n = 1, #asked do
    describe(reply, asked[n], live[asked[n]], keys_of(n), about, recorded, now)
  end
  return reply
end
return args_guarded(TYPES, run)
`,
};
