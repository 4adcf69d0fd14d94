// Generated from src/scripts/info.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** info: everything that monitoring asks of a stream, at one moment. */
export const infoScript: Script = {
  name: "info",
  sha1: "9f7f19b3b99cbdab1d185c121791e82aa4abaa78",
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
local memory_usage
do
  function memory_usage(key)
    local found = redis.pcall("MEMORY", "USAGE", key)
    if type(found) == "number" then
      return found
    end
  end
end
local lag_COUNT_MAX, lag_of
do
  local COUNT_BYTES = 4194304
  local COUNT_BLIND = 100
  lag_COUNT_MAX = 1000
  local function newest(stream, about, most)
    if not about.newest then
      local bytes = memory_usage(stream)
      local fitting = bytes and math.floor(COUNT_BYTES / (bytes / about.length)) or COUNT_BLIND
      local limit = math.max(1, math.min(most, fitting))
      local found = redis.call("XREVRANGE", stream, "+", "-", "COUNT", limit)
      about.newest = {}
      for at = 1, #found do
        about.newest[at] = found[at][1]
      end
    end
    return about.newest
  end
  local function counted(stream, about, delivered, most)
    local behind = newest(stream, about, most)
    local known, unknown = 0, #behind + 1
    while unknown - known > 1 do
      local middle = math.floor((known + unknown) / 2)
      if ids_less(delivered, behind[middle]) then
        known = middle
      else
        unknown = middle
      end
    end
    if known < #behind or #behind == about.length then
      return known
    end
  end
  function lag_of(stream, about, delivered, reported, trimmed, most)
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
    local count = counted(stream, about, delivered, most)
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
local balance_recorded, balance_look, balance_lost_behind
do
  local FIELDS = { "settled", "balance", "lost", "lostAt", "lostAfter", "lostAtLeast", "lostUntold" }
  local function parse(text)
    local missing, added, length, trimmed, removed, last_id, delivered, low_water =
      string.match(text or "", "^(%-?%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([%d-]+)|([%d-]+)|([%d-]+)$")
    return missing
      and {
        missing = tonumber(missing),
        added = tonumber(added),
        length = tonumber(length),
        trimmed = tonumber(trimmed),
        removed = tonumber(removed),
        last_id = last_id,
        delivered = delivered,
        low_water = low_water,
      }
  end
  function balance_recorded(state)
    local found = redis.call("HMGET", state, unpack(FIELDS))
    return {
      settled = tonumber(found[1] or 0),
      last = parse(found[2] or nil),
      lost = tonumber(found[3] or 0),
      lost_at = tonumber(found[4]),
      lost_after = found[5] or nil,
      at_least = found[6] == "1",
      untold = tonumber(found[7] or 0),
    }
  end
  local function replaced(about, last)
    if not about or ids_less(about.last_id, last.last_id) or (about.added or last.added) < last.added then
      return true
    end
    local has_old = about.first_id and not ids_less(last.last_id, about.first_id)
    return last.added > 0 and not has_old and (about.added or about.length) - about.length < last.added
  end
  local function at_first(about, trimmed)
    return {
      missing = math.huge,
      added = about.added or about.length,
      length = about.length,
      trimmed = trimmed,
      removed = 0,
      last_id = about.last_id,
    }
  end
  local function added_since(stream, about, trimmed, last)
    local behind = #redis.call("XRANGE", stream, "(" .. last.last_id, "+", "COUNT", 100)
    return last.added + math.max(behind, about.length - last.length + trimmed - last.trimmed)
  end
  function balance_look(stream, about, trimmed, group, unread, exact, recorded)
    if not about or not exact then
      return nil
    end
    local last = recorded.last
    local is_other = last and replaced(about, last)
    local before = not is_other and last or at_first(about, trimmed)
    local added = about.added or added_since(stream, about, trimmed, before)
    local missing = added - unread - group.pending - recorded.settled
    local now = {
      missing = missing,
      added = added,
      length = about.length,
      trimmed = trimmed,
      pending = group.pending,
      last_id = about.last_id,
      delivered = group.last_delivered,
      gone = math.max(0, missing - before.missing),
      removed = before.removed
        + (added - about.length - trimmed)
        - (before.added - before.length - before.trimmed),
      replaced = is_other,
      at_least = not about.added,
      after = last and last.low_water,
    }
    if is_other then
      now.gone, now.at_least = math.max(0, last.added - last.missing - recorded.settled), true
    end
    return now
  end
  function balance_lost_behind(recorded, after, now)
    local known = recorded.lost_after
    if not known or now - (recorded.lost_at or 0) >= 86400000 then
      return after
    end
    return after and ids_less(after, known) and after or known
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
local pending_WAITING, pending_SUSPECTS_FROM, pending_next_due_at
do
  pending_WAITING = "/waiting"
  pending_SUSPECTS_FROM = 2e15
  function pending_next_due_at(retries)
    local first = redis.call("ZRANGE", retries, 0, 0, "WITHSCORES")[2]
    if first and tonumber(first) < 0 then
      first = redis.call("ZRANGEBYSCORE", retries, 0, "+inf", "WITHSCORES", "LIMIT", 0, 1)[2]
    end
    local due_at = first and tonumber(first)
    return due_at and due_at < pending_SUSPECTS_FROM and due_at or nil
  end
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
local function losses_of(state, live, about, behind, exact, trimmed, now)
  local recorded = balance_recorded(state)
  local found = live and balance_look(stream, about, trimmed, live, behind, exact, recorded)
  if not found or found.gone == 0 then
    return recorded.lost, not recorded.at_least, recorded.lost_at or -1, recorded.lost_after or ""
  end
  local exactly = not (recorded.at_least or found.at_least)
  return recorded.lost + found.gone, exactly, now, balance_lost_behind(recorded, found.after, now)
end
local function describe(reply, name, live, keys, about, recorded, now)
  local function say(value)
    reply[#reply + 1] = value
  end
  local loaded = group_read(keys.state, "")
  local low_water = recorded[lowwater_field(name)]
  local oldest = live and redis.call("XPENDING", stream, name, "-", "+", 1)[1]
  local delivered = live and live.last_delivered or low_water or "0-0"
  local trimmed = tonumber(recorded.trimmed or 0)
  local behind, exact = lag_of(stream, about, delivered, live and live.lag, trimmed, lag_COUNT_MAX)
  local lost, is_exact, lost_at, lost_after = losses_of(keys.state, live, about, behind, exact, trimmed, now)
  local consumers = live and consumers_of(name) or {}
  say(name)
  say(live and 1 or 0)
  say(live and live.pending or 0)
  say(behind)
  say(exact and 1 or 0)
  say(delivered)
  say(oldest and math.max(0, now - tonumber((ids_split(oldest[1])))) or 0)
  say(redis.call("ZCARD", keys.retries))
  say(pending_next_due_at(keys.retries) or -1)
  say(redis.call("XLEN", keys.dead))
  say(loaded.ttl_ms and ring_count(loaded.ring(keys.processed, now)) or 0)
  say(low_water or "")
  say(loaded.ttl_ms or 0)
  say(loaded.lease_ms or 0)
  say(loaded.max_attempts or 0)
  say(lost)
  say(is_exact and 1 or 0)
  say(lost_at)
  say(lost_after)
  say(#consumers / 3)
  for at = 1, #consumers do
    say(consumers[at])
  end
end
local function run()
  if #ARGV > 100 then
    args_bad("groups", #ARGV, "wanted at most " .. 100)
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
