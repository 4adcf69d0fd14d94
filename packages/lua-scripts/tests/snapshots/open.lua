-- sluice open: generated from src/scripts/open.lua, do not edit
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
local args_bad, args_int, args_name, args_id, args_event_type, args_nonce, args_flag, args_guarded
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
  function args_event_type(value, field)
    if
      not value
      or #value > 128
      or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._:-]*$")
    then
      args_bad(
        field,
        value,
        "wanted 1 to "
          .. 128
          .. " of A-Z a-z 0-9 . _ : - that start with a letter or digit"
      )
    end
    return value
  end
  function args_nonce(value, field)
    if not value or #value > 64 or not string.find(value, "^[A-Za-z0-9_-]+$") then
      args_bad(field, value, "wanted 1 to 64 of A-Z a-z 0-9 _ -")
    end
    return value
  end
  function args_flag(value, field)
    if value ~= "0" and value ~= "1" then
      args_bad(field, value, "wanted 0 or 1")
    end
    return value == "1"
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
local stream_ask, stream_about, stream_last_id
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
local balance_recorded, balance_look, balance_keep, balance_lost_behind, balance_lose, balance_lost_at_heal, balance_of, balance_begin
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
  local function forget_trimmed(meta)
    redis.call("HDEL", meta, "trimmed", "removedByOthers")
  end
  function balance_keep(meta, state, now, low_water)
    if now.replaced then
      forget_trimmed(meta)
      now.trimmed = 0
    end
    local removed = math.max(0, math.min(now.removed - now.gone, now.pending))
    local values =
      { now.missing, now.added, now.length, now.trimmed, removed, now.last_id, now.delivered, low_water }
    redis.call("HSET", state, "balance", table.concat(values, "|"))
  end
  function balance_lost_behind(recorded, after, now)
    local known = recorded.lost_after
    if not known or now - (recorded.lost_at or 0) >= 86400000 then
      return after
    end
    return after and ids_less(after, known) and after or known
  end
  function balance_lose(state, count, after, at_least, now)
    local behind = balance_lost_behind(balance_recorded(state), after, now)
    redis.call("HINCRBY", state, "lost", count)
    redis.call("HSET", state, "lostAt", now)
    if behind then
      redis.call("HSET", state, "lostAfter", behind)
    else
      redis.call("HDEL", state, "lostAfter")
    end
    if at_least then
      redis.call("HSET", state, "lostAtLeast", 1)
    end
  end
  function balance_lost_at_heal(stream, meta, state, low_water, now)
    local recorded, about = balance_recorded(state), stream_about(stream)
    local last = recorded.last
    redis.call("HDEL", state, "balance")
    if not last then
      return
    end
    local anew = replaced(about, last)
    local trimmed = redis.call("HGET", meta, "trimmed")
    local left = anew and 0 or lag_of(stream, about, low_water, nil, trimmed, lag_COUNT_MAX)
    local added = anew and last.added or about.added or last.added
    if anew then
      forget_trimmed(meta)
    end
    local lost = added - last.missing - recorded.settled - left
    if lost > 0 then
      balance_lose(state, lost, last.low_water, true, now)
      redis.call("HINCRBY", state, "lostUntold", lost)
    end
  end
  function balance_of(scene)
    local group = lowwater_group(scene.stream, scene.group)
    local about = stream_about(scene.stream)
    local trimmed = tonumber(redis.call("HGET", scene.meta, "trimmed") or 0)
    local unread, exact = lag_of(scene.stream, about, group.last_delivered, group.lag, trimmed, 100)
    local recorded = balance_recorded(scene.state)
    return balance_look(scene.stream, about, trimmed, group, unread, exact, recorded), recorded, group
  end
  function balance_begin(scene)
    local now, recorded, group = balance_of(scene)
    if now and not recorded.last then
      balance_keep(scene.meta, scene.state, now, lowwater_of(scene.stream, group))
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
local chunks_ask
do
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
local declarations_of, declarations_declare
do
  local LAST_NUMBER = "typeNumber"
  local function consumer_field(consumer)
    return "types:" .. consumer
  end
  local function type_field(event_type)
    return "type:" .. event_type
  end
  local function number_field(number)
    return "numbered:" .. number
  end
  local function recorded_of(state, types)
    local fields = {}
    for n = 1, #types do
      fields[n] = type_field(types[n])
    end
    local found = chunks_ask("HMGET", state, fields)
    for n = 1, #types do
      if found[n] then
        local number, count = string.match(found[n], "^(%d+) (%d+)$")
        found[n] = { number = number, count = tonumber(count) }
      end
    end
    return found
  end
  function declarations_of(state, consumer)
    local list, set = {}, {}
    local recorded = redis.call("HGET", state, consumer_field(consumer))
    for event_type in string.gmatch(recorded and string.match(recorded, "^%d+ (.*)$") or "", "%S+") do
      list[#list + 1], set[event_type] = event_type, true
    end
    return list, set
  end
  local function withdraw(state, types)
    for n, about in ipairs(recorded_of(state, types)) do
      if about and about.count > 1 then
        redis.call("HSET", state, type_field(types[n]), about.number .. " " .. (about.count - 1))
      elseif about then
        redis.call("HDEL", state, type_field(types[n]), number_field(about.number))
      end
    end
  end
  local function add(state, types)
    for n, about in ipairs(recorded_of(state, types)) do
      local number, count = about and about.number, about and about.count or 0
      if not number then
        number = (redis.call("HGET", state, LAST_NUMBER) or 0) + 1
        redis.call("HSET", state, LAST_NUMBER, number, number_field(number), types[n])
      end
      redis.call("HSET", state, type_field(types[n]), number .. " " .. (count + 1))
    end
  end
  local function without(types, set)
    local found = {}
    for n = 1, #types do
      if not set[types[n]] then
        found[#found + 1] = types[n]
      end
    end
    return found
  end
  function declarations_declare(state, consumer, types, now)
    local before, was = declarations_of(state, consumer)
    local is = {}
    for n = 1, #types do
      is[types[n]] = true
    end
    add(state, without(types, was))
    withdraw(state, without(before, is))
    if #types > 0 then
      redis.call(
        "HSET",
        state,
        consumer_field(consumer),
        string.format("%.0f", now) .. " " .. table.concat(types, " ")
      )
    else
      redis.call("HDEL", state, consumer_field(consumer))
    end
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
local ring_at, ring_turn
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
  local function expire(self, back)
    local slack = math.min(math.ceil(self.width / 10), 60000)
    local at = self.opened_at + self.width + (REMEMBERED - 1 - back) * self.next_width + slack
    redis.call("PEXPIREAT", self.buckets[place(self, back)], at)
  end
  function ring_turn(self, state)
    if not self.changed then
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
    self.changed, self.turns = false, 0
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
local stream, meta, _, _, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local processed = { KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10] }
local retries, _, state = KEYS[11], KEYS[12], KEYS[13]
local TYPES =
  { "stream", "hash", "hash", "hash", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD = 9
local SETTINGS = { "idempotencyTtlMs", "leaseMs", "maxAttempts" }
local function forbidden_command(group)
  if not redis.acl_check_cmd then
    return nil
  end
  local commands = {
    { "XADD", stream, "*", "key", "", "event", "" },
    { "XREADGROUP", "GROUP", group, "-", "STREAMS", stream, ">" },
    { "XGROUP", "CREATE", stream, group, "0" },
    { "XACK", stream, group, "0-0" },
    { "XCLAIM", stream, group, "-", 0, "0-0" },
    { "XPENDING", stream, group },
    { "XRANGE", stream, "-", "+" },
    { "XREVRANGE", stream, "+", "-" },
    { "XLEN", stream },
    { "XINFO", "GROUPS", stream },
    { "XINFO", "STREAM", stream },
    { "XINFO", "CONSUMERS", stream, group },
    { "HMGET", leases, "" },
    { "HSET", leases, "", "" },
    { "HDEL", leases, "" },
    { "HSCAN", leases, "0" },
    { "HLEN", leases },
    { "SCARD", processed[1] },
    { "SMISMEMBER", processed[1], "" },
    { "SADD", processed[1], "" },
    { "SREM", processed[1], "" },
    { "UNLINK", processed[1] },
    { "PEXPIREAT", processed[1], 1 },
    { "ZCARD", retries },
    { "ZADD", retries, 0, "" },
    { "ZRANGE", retries, 0, 0 },
    { "ZRANGEBYSCORE", retries, 0, 0 },
    { "ZREM", retries, "" },
    { "ZSCORE", retries, "" },
    { "HGET", meta, "" },
    { "HINCRBY", meta, "", 1 },
    { "TYPE", meta },
    { "TIME" },
  }
  for _, command in ipairs(commands) do
    if not redis.acl_check_cmd(unpack(command)) then
      return string.lower(command[1])
    end
  end
end
local function differences(recorded, asked)
  local found = {}
  for n, setting in ipairs(SETTINGS) do
    if recorded[n] and tonumber(recorded[n]) ~= asked[n] then
      found[#found + 1] = setting
      found[#found + 1] = recorded[n]
      found[#found + 1] = ARGV[6 + n]
    end
  end
  return found
end
local function heal(group, low_water)
  local last_id = stream_last_id(stream)
  if ids_less(last_id, low_water) then
    low_water = "0-0"
  end
  balance_lost_at_heal(stream, meta, state, low_water, clock_now())
  redis.call("UNLINK", leases, retries)
  redis.call("XGROUP", "CREATE", stream, group, low_water, "MKSTREAM")
  redis.call("HSET", state, "readTo", last_id)
  return low_water
end
local function run()
  local group, consumer = args_name(ARGV[1], "group"), args_name(ARGV[2], "consumer")
  local incarnation = args_nonce(ARGV[3], "incarnation")
  local mode, start_from, change = ARGV[4], ARGV[5], args_flag(ARGV[6], "change")
  if mode ~= "TAKE" and mode ~= "REJOIN" then
    args_bad("mode", mode, "wanted TAKE or REJOIN")
  end
  if start_from ~= "$" then
    args_id(start_from, "startFrom")
  end
  local asked = {
    args_int(ARGV[7], "idempotencyTtlMs", 1, 315360000000),
    args_int(ARGV[8], "leaseMs", 1, 315360000000),
    args_int(ARGV[9], "maxAttempts", 1, 1000),
  }
  local types_declared, seen = {}, {}
  if #ARGV > HEAD + 1000 then
    args_bad("types", #ARGV - HEAD, "wanted at most " .. 1000)
  end
  for at = HEAD + 1, #ARGV do
    local event_type = args_event_type(ARGV[at], "type")
    if not seen[event_type] then
      types_declared[#types_declared + 1], seen[event_type] = event_type, true
    end
  end
  local forbidden = forbidden_command(group)
  if forbidden then
    return { "NOPERM", forbidden }
  end
  local refusal = types_refusal(TYPES) or protocol_refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  local other = differences(redis.call("HMGET", state, unpack(SETTINGS)), asked)
  if #other > 0 and not change then
    return { "SETTINGS", unpack(other) }
  end
  local incarnation_field = group_incarnation_field(consumer)
  local holder = redis.call("HGET", state, incarnation_field)
  if mode == "REJOIN" and holder and holder ~= incarnation then
    return { "SUPERSEDED" }
  end
  local low_water = redis.call("HGET", meta, lowwater_field(group))
  local existing = lowwater_group(stream, group)
  local how = "JOINED"
  if existing then
    redis.call("HDEL", state, "")
    low_water = low_water or lowwater_of(stream, existing)
  elseif low_water or mode == "REJOIN" and start_from ~= "$" then
    local was_recorded = low_water
    how, low_water = "HEALED", heal(group, low_water or start_from)
    if not was_recorded then
      balance_lose(state, 0, nil, true, clock_now())
    end
  else
    how = "CREATED"
    low_water = start_from == "$" and stream_last_id(stream) or start_from
    redis.call("XGROUP", "CREATE", stream, group, low_water, "MKSTREAM")
  end
  redis.call("HSET", meta, "protocol", protocol_CURRENT, lowwater_field(group), low_water)
  redis.call("HSET", state, incarnation_field, incarnation)
  for n, setting in ipairs(SETTINGS) do
    redis.call("HSET", state, setting, asked[n])
  end
  local now = clock_now()
  declarations_declare(state, consumer, types_declared, now)
  local _, loaded = group_load(meta, state, consumer)
  ring_turn(loaded.ring(processed, now), state)
  balance_begin({ stream = stream, meta = meta, group = group, state = state })
  return { "OK", how, low_water, now }
end
return args_guarded(TYPES, run)
