// Generated from src/scripts/recover.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** recover: take back what is due, and lease it. */
export const recoverScript: Script = {
  name: "recover",
  sha1: "9790dadde50dab5f18f0263f4042fce0a2ca6f9e",
  keys: ["stream", "meta", "leases", "processed.0", "processed.1", "processed.2", "processed.3", "processed.4", "retries", "dead", "state"],
  groupKeys: [],
  source: `-- sluice recover: generated from src/scripts/recover.lua, do not edit
local ids_UINT64_MAX, ids_split, ids_less, ids_before, ids_after
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
  local function increment(digits)
    local nines = #string.match(digits, "9*$")
    local place = #digits - nines
    if place == 0 then
      return "1" .. string.rep("0", nines)
    end
    return string.sub(digits, 1, place - 1) .. (string.byte(digits, place) - 47) .. string.rep("0", nines)
  end
  function ids_after(id)
    local ms, seq = ids_split(id)
    if seq ~= ids_UINT64_MAX then
      return ms .. "-" .. increment(seq)
    end
    return ms == ids_UINT64_MAX and id or increment(ms) .. "-0"
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
local args_bad, args_int, args_name, args_id, args_nonce, args_guarded
do
  function args_bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\\1-\\31\\127-\\255]", "?")
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
  function args_nonce(value, field)
    if not value or #value > 64 or not string.find(value, "^[A-Za-z0-9_-]+$") then
      args_bad(field, value, "wanted 1 to 64 of A-Z a-z 0-9 _ -")
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
local lag_of
do
  local COUNT_BYTES = 4194304
  local COUNT_BLIND = 100
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
local balance_settled, balance_recorded, balance_look, balance_keep, balance_lost_behind, balance_lose, balance_of
do
  local FIELDS = { "settled", "balance", "lost", "lostAt", "lostAfter", "lostAtLeast", "lostUntold" }
  function balance_settled(state, count)
    if count ~= 0 then
      redis.call("HINCRBY", state, "settled", count)
    end
  end
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
  function balance_of(scene)
    local group = lowwater_group(scene.stream, scene.group)
    local about = stream_about(scene.stream)
    local trimmed = tonumber(redis.call("HGET", scene.meta, "trimmed") or 0)
    local unread, exact = lag_of(scene.stream, about, group.last_delivered, group.lag, trimmed, 100)
    local recorded = balance_recorded(scene.state)
    return balance_look(scene.stream, about, trimmed, group, unread, exact, recorded), recorded, group
  end
end
local tokens_make, tokens_tail, tokens_entry, tokens_history, tokens_issued_by, tokens_nonce
do
  function tokens_make(id, consumer, attempt, nonce, first_ms)
    return id .. tokens_tail(consumer, attempt, nonce, first_ms)
  end
  function tokens_tail(consumer, attempt, nonce, first_ms)
    return "|" .. consumer .. "|" .. attempt .. "|" .. nonce .. "." .. first_ms
  end
  function tokens_entry(token)
    return string.match(token, "^[^|]*")
  end
  function tokens_history(token)
    local attempt, first_ms = string.match(token, "^[^|]*|[^|]*|(%d+)|[^|.]*%.(%d+)$")
    return tonumber(attempt), tonumber(first_ms)
  end
  function tokens_issued_by(token)
    return string.match(token, "^[^|]*|([^|]*)|%d+|([^|.]*)_(%d+)%.")
  end
  function tokens_nonce(token)
    return string.match(token, "^[^|]*|[^|]*|%d+|([^|.]*)%.") or ""
  end
end
local begun_field, begun_whose, begun_counts, begun_forget
do
  local PREFIX = "begun:"
  function begun_field(consumer, incarnation)
    return PREFIX .. consumer .. "/" .. incarnation
  end
  function begun_whose(field)
    return string.match(field, "^begun:([^/]*)/(.*)$")
  end
  local function parts(record)
    local high, unheard, suspect = string.match(record or "", "^(%d+);([%d,]*);(.*)$")
    return tonumber(high), "," .. (unheard or "") .. ",", suspect
  end
  function begun_counts(state, token)
    local consumer, incarnation, call = tokens_issued_by(token)
    if not consumer then
      return false
    end
    local high, unheard, suspect = parts(redis.call("HGET", state, begun_field(consumer, incarnation)))
    if not high or tonumber(call) > high or string.find(unheard, "," .. call .. ",", 1, true) then
      return false
    end
    return suspect == "" or suspect == tokens_entry(token)
  end
  function begun_forget(state, consumer)
    local cursor = "0"
    repeat
      local page = redis.call("HSCAN", state, cursor, "COUNT", 1000)
      for at = 1, #page[2], 2 do
        if begun_whose(page[2][at]) == consumer then
          redis.call("HDEL", state, page[2][at])
        end
      end
      cursor = page[1]
    until cursor == "0"
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
  function entries_key(fields)
    local ours = fields[1] == "key"
      and fields[3] == "event"
      and (#fields == 4 or (#fields == 6 and fields[5] == "group"))
    local key = ours and fields[2] or ""
    if #key > 385 or not string.find(key, "^[^#%c]%C*$") then
      return ""
    end
    if string.find(key, "[\\128-\\255]") and not is_text(key) then
      return ""
    end
    return key
  end
end
local dead_write
do
  local function packed(fields)
    local parts = {}
    for at = 1, #fields do
      parts[at] = string.gsub(fields[at], "[\\\\,]", "\\\\%0")
    end
    return { "fields", table.concat(parts, ",") }
  end
  function dead_write(stream, now, letter, group, fields)
    local whole = fields or {}
    local layout = "fields"
    if #whole > 1000 then
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
local declarations_by, declarations_of, declarations_forget, declarations_each_to_take
do
  local function consumer_field(consumer)
    return "types:" .. consumer
  end
  local function type_field(event_type)
    return "type:" .. event_type
  end
  local function number_field(number)
    return "numbered:" .. number
  end
  function declarations_by(field, value)
    local consumer = string.match(field, "^types:(.*)$")
    return consumer, consumer and tonumber(string.match(value, "^%d+"))
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
  function declarations_forget(state, consumer)
    local types = declarations_of(state, consumer)
    withdraw(state, types)
    redis.call("HDEL", state, consumer_field(consumer))
  end
  function declarations_each_to_take(state, retries, consumer, take)
    local above, own = "-inf", nil
    for _ = 1, 1000 do
      local first = redis.call("ZRANGEBYSCORE", retries, above, "(0", "WITHSCORES", "LIMIT", 0, 1)
      local score = first[2]
      if not score then
        return
      end
      own = own or select(2, declarations_of(state, consumer))
      local event_type = redis.call("HGET", state, number_field(-tonumber(score)))
      if (not event_type or own[event_type]) and not take(score) then
        return
      end
      above = "(" .. score
    end
  end
end
local pending_WAITING, pending_group_exists, pending_be_heard, pending_entry, pending_touch, pending_take, pending_park, pending_put_back, pending_SUSPECT, pending_SUSPECTS_FROM, pending_next_due_at, pending_next_due_in, pending_suspects
do
  pending_WAITING = "/waiting"
  function pending_group_exists(stream, group)
    local reply = redis.pcall("XPENDING", stream, group, "-", "+", 0)
    if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
      error(reply, 0)
    end
    return reply.err == nil
  end
  local BEHIND_ALL = "18446744073709551615-18446744073709551614"
  function pending_be_heard(stream, group, consumer)
    redis.call("XREADGROUP", "GROUP", group, consumer, "COUNT", 1, "STREAMS", stream, BEHIND_ALL)
  end
  function pending_entry(stream, group, id)
    return redis.call("XPENDING", stream, group, id, id, 1)[1]
  end
  function pending_touch(stream, group, consumer, ids)
    if #ids > 0 then
      ids[#ids + 1] = "JUSTID"
      redis.call("XCLAIM", stream, group, consumer, 0, unpack(ids))
      ids[#ids] = nil
    end
  end
  function pending_take(stream, group, consumer, id, attempt)
    redis.call("XCLAIM", stream, group, consumer, 0, id, "RETRYCOUNT", attempt, "JUSTID")
  end
  function pending_park(stream, group, retries, id, attempt, first_ms, due_at)
    redis.call(
      "XCLAIM",
      stream,
      group,
      pending_WAITING,
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
  function pending_put_back(stream, group, retries, id, now)
    redis.call("XCLAIM", stream, group, pending_WAITING, 0, id, "TIME", now, "RETRYCOUNT", 1, "FORCE", "JUSTID")
    redis.call("ZADD", retries, now, id)
  end
  pending_SUSPECT = 4e15
  pending_SUSPECTS_FROM = 2e15
  function pending_next_due_at(retries)
    local first = redis.call("ZRANGE", retries, 0, 0, "WITHSCORES")[2]
    if first and tonumber(first) < 0 then
      first = redis.call("ZRANGEBYSCORE", retries, 0, "+inf", "WITHSCORES", "LIMIT", 0, 1)[2]
    end
    local due_at = first and tonumber(first)
    return due_at and due_at < pending_SUSPECTS_FROM and due_at or nil
  end
  function pending_next_due_in(retries, now)
    local due_at = pending_next_due_at(retries)
    return due_at and math.max(0, math.ceil(due_at - now)) or -1
  end
  function pending_suspects(retries)
    return #redis.call("ZRANGEBYSCORE", retries, pending_SUSPECTS_FROM, "+inf", "LIMIT", 0, 100)
  end
end
local deferral_holder, deferral_due_at
do
  function deferral_holder(stream, group, token, id)
    local holder = token and tokens_entry(token)
    if holder and holder ~= id and pending_entry(stream, group, holder) then
      return token
    end
  end
  function deferral_due_at(holder, now)
    local _, first_ms = tokens_history(holder)
    local age = now - (first_ms or now)
    return now + math.min(math.max(age, 25), 5000)
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
local ring_at, ring_remembers, ring_turn, ring_add
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
  function ring_remembers(self, members)
    local found = {}
    for back = 0, REMEMBERED - 1 do
      local at = place(self, back)
      if self.sizes[at] > 0 then
        local replies = chunks_ask("SMISMEMBER", self.buckets[at], members)
        for n = 1, #members do
          if replies[n] == 1 then
            found[members[n]] = true
          end
        end
      end
    end
    return found
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
  function ring_add(self, state, members)
    if #members > 0 then
      ring_turn(self, state)
      local at = place(self, 0)
      chunks_call(members, 1, "SADD", self.buckets[at])
      self.sizes[at] = self.sizes[at] + #members
      expire(self, 0)
    end
  end
end
local group_incarnation_field, group_forget, group_load, group_read, group_join
do
  function group_incarnation_field(consumer)
    return "incarnation:" .. consumer
  end
  function group_forget(state, consumer)
    redis.call("HDEL", state, group_incarnation_field(consumer))
    declarations_forget(state, consumer)
    begun_forget(state, consumer)
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
  function group_join(meta, state, consumer, incarnation)
    local refusal, loaded = group_load(meta, state, consumer)
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
end
local marks_of_entry, marks_of_key
do
  function marks_of_entry(id)
    return "#" .. id
  end
  function marks_of_key(key, id)
    return key == "" and "#" .. id or key
  end
end
local restore_waiting, restore_leases, restore_retries, restore_all
do
  local MOST = 10000
  local function is_unread(scene, id)
    scene.delivered = scene.delivered or lowwater_group(scene.stream, scene.group).last_delivered
    return ids_less(scene.delivered, id)
  end
  local function is_settled(scene, held_as, id)
    local mark = marks_of_entry(id)
    local found = ring_remembers(scene.ring, { held_as, mark })
    return found[held_as] or found[mark]
  end
  local function pend(scene, consumer, id, attempt)
    local at = scene.now
    redis.call(
      "XCLAIM",
      scene.stream,
      scene.group,
      consumer,
      0,
      id,
      "TIME",
      at,
      "RETRYCOUNT",
      attempt,
      "FORCE",
      "JUSTID"
    )
  end
  function restore_waiting(scene, id, about)
    local fields = entries_read(scene.stream, id)
    local held_as = fields and marks_of_key(entries_key(fields), id)
    local token = fields and redis.call("HGET", scene.leases, held_as)
    local is_leased = token and tokens_entry(token) == id
    local attempt
    if fields and not is_leased then
      if about then
        attempt = math.max(1, about[4] - 1)
      elseif not is_unread(scene, id) and not is_settled(scene, held_as, id) then
        attempt = 1
      end
    end
    if not attempt then
      redis.call("ZREM", scene.retries, id)
      return nil
    end
    pend(scene, pending_WAITING, id, attempt)
    return { id, pending_WAITING, 0, attempt }
  end
  local function restore_leased(scene, held_as, token)
    local id = tokens_entry(token)
    local consumer, attempt = string.match(token, "^[^|]*|([^|]+)|(%d+)|")
    local fields = consumer and entries_read(scene.stream, id)
    if fields and not is_unread(scene, id) and not is_settled(scene, held_as, id) then
      pend(scene, consumer, id, attempt)
      return true
    end
    redis.call("HDEL", scene.leases, held_as)
    return false
  end
  function restore_leases(scene, cursor, count)
    local page = redis.call("HSCAN", scene.leases, cursor, "COUNT", count)
    local restored = 0
    for at = 1, #page[2], 2 do
      local held_as, token = page[2][at], page[2][at + 1]
      if not pending_entry(scene.stream, scene.group, tokens_entry(token)) then
        restored = restored + (restore_leased(scene, held_as, token) and 1 or 0)
      end
    end
    return page[1], #page[2] / 2, restored
  end
  function restore_retries(scene, before, count)
    local page = redis.call("ZRANGE", scene.retries, -(before + count), -(before + 1))
    local restored = 0
    for at = 1, #page do
      local about = pending_entry(scene.stream, scene.group, page[at])
      if not about or about[2] ~= pending_WAITING then
        local waits = restore_waiting(scene, page[at], about)
        restored = restored + (waits and not about and 1 or 0)
      end
    end
    return #page == count and before + count or 0, restored
  end
  local function restore_delivered(scene, last)
    local after, restored, looked = last.low_water, 0, 0
    while after and looked < 1000 do
      local page = redis.call("XRANGE", scene.stream, "(" .. after, last.delivered, "COUNT", 100)
      for at = 1, #page do
        local id = page[at][1]
        local held_as = marks_of_key(entries_key(page[at][2]), id)
        local is_young = scene.now - tonumber((ids_split(id))) < scene.ttl_ms
        local is_missing = is_young
          and not is_settled(scene, held_as, id)
          and not pending_entry(scene.stream, scene.group, id)
        if is_missing then
          pending_put_back(scene.stream, scene.group, scene.retries, id, scene.now)
          restored = restored + 1
        end
      end
      looked = looked + #page
      after = #page == 100 and page[#page][1]
    end
    return restored
  end
  function restore_all(scene, passed_over, last)
    local restored, cursor, looked = 0, "0", 0
    repeat
      local count, put_back
      cursor, count, put_back = restore_leases(scene, cursor, 1000)
      looked, restored = looked + count, restored + put_back
    until cursor == "0" or looked >= MOST
    local before = 0
    repeat
      local put_back
      before, put_back = restore_retries(scene, before, 1000)
      restored = restored + put_back
    until before == 0 or before >= MOST
    local unsure = restored < passed_over and restore_delivered(scene, last) or 0
    return restored + unsure, unsure
  end
end
local sweep_orphans, sweep_losses, sweep_records, sweep_consumers, sweep_clock
do
  local function sweep_waiting(stream, group, retries, after, now)
    local page = redis.call("XPENDING", stream, group, "(" .. after, "+", 100, pending_WAITING)
    for at = 1, #page do
      if not redis.call("ZSCORE", retries, page[at][1]) then
        redis.call("ZADD", retries, now, page[at][1])
      end
    end
    return #page == 100 and page[#page][1] or "0-0"
  end
  local function waiting_count(stream, group)
    local consumers = redis.call("XINFO", "CONSUMERS", stream, group)
    for at = 1, #consumers do
      if consumers[at][2] == pending_WAITING then
        return consumers[at][4]
      end
    end
    return 0
  end
  local function sweep_retries(scene, before)
    local due_times = redis.call("ZCARD", scene.retries)
    if due_times == 0 or due_times == waiting_count(scene.stream, scene.group) then
      return 0
    end
    return (restore_retries(scene, before, 100))
  end
  function sweep_orphans(scene)
    local state = scene.state
    local cursors = redis.call("HMGET", state, "leasesCursor", "waitingCursor", "retriesCursor")
    local leases_cursor = restore_leases(scene, cursors[1] or "0", 100)
    local waiting_cursor =
      sweep_waiting(scene.stream, scene.group, scene.retries, cursors[2] or "0-0", scene.now)
    local retries_cursor = sweep_retries(scene, tonumber(cursors[3] or 0))
    redis.call(
      "HSET",
      state,
      "leasesCursor",
      leases_cursor,
      "waitingCursor",
      waiting_cursor,
      "retriesCursor",
      retries_cursor
    )
  end
  function sweep_losses(scene)
    local now, recorded, group = balance_of(scene)
    local lost = recorded.untold
    if lost > 0 then
      redis.call("HDEL", scene.state, "lostUntold")
    end
    if now and now.gone > 0 then
      local restored, unsure = restore_all(scene, now.gone - now.removed, recorded.last)
      now.missing = now.missing - restored
      local gone = now.gone - restored
      if gone > 0 then
        balance_lose(scene.state, gone, now.after, now.at_least or unsure > 0, scene.now)
        lost = lost + gone
      end
    end
    local low_water = lowwater_of(scene.stream, group)
    redis.call("HSET", scene.meta, lowwater_field(scene.group), low_water)
    if now then
      balance_keep(scene.meta, scene.state, now, low_water)
    end
    return lost
  end
  function sweep_records(stream, group, state, looked_at)
    local page =
      redis.call("HSCAN", state, redis.call("HGET", state, "recordsCursor") or "0", "COUNT", 100)
    for at = 1, #page[2], 2 do
      local consumer, incarnation = begun_whose(page[2][at])
      if consumer and redis.call("HGET", state, group_incarnation_field(consumer)) ~= incarnation then
        local held = consumer ~= looked_at and redis.call("XPENDING", stream, group, "-", "+", 1, consumer)[1]
        if not held then
          redis.call("HDEL", state, page[2][at])
        end
      end
    end
    redis.call("HSET", state, "recordsCursor", page[1])
  end
  function sweep_consumers(stream, group, state, now)
    local cursor = redis.call("HGET", state, "consumersCursor") or "0"
    local page = redis.call("HSCAN", state, cursor, "COUNT", 100)
    redis.call("HSET", state, "consumersCursor", page[1])
    local here = {}
    for _, about in ipairs(redis.call("XINFO", "CONSUMERS", stream, group)) do
      here[about[2]] = true
    end
    for at = 1, #page[2], 2 do
      local consumer, since = declarations_by(page[2][at], page[2][at + 1])
      if consumer and not here[consumer] and now - since > 60000 then
        group_forget(state, consumer)
      end
    end
  end
  local function touch_all(stream, group, consumer)
    local after = "0-0"
    while after do
      local page = redis.call("XPENDING", stream, group, "(" .. after, "+", 1000, consumer)
      local ids = {}
      for at = 1, #page do
        ids[at] = page[at][1]
      end
      pending_touch(stream, group, consumer, ids)
      after = #page == 1000 and ids[#ids]
    end
  end
  function sweep_clock(stream, group, retries, state, loaded, now)
    local jump = (loaded.seen_at or now) - now
    if jump > loaded.lease_ms then
      local consumers = redis.call("XINFO", "CONSUMERS", stream, group)
      for at = 1, #consumers do
        if consumers[at][2] ~= pending_WAITING then
          touch_all(stream, group, consumers[at][2])
        end
      end
      local waiting = redis.call("ZRANGEBYSCORE", retries, "(" .. now, "+inf", "WITHSCORES")
      for at = 1, #waiting, 2 do
        redis.call("ZADD", retries, math.max(now, waiting[at + 1] - jump), waiting[at])
      end
    end
    if jump > loaded.lease_ms or jump < -1000 or not loaded.seen_at then
      redis.call("HSET", state, "seenAt", now)
    end
  end
end
local stream, meta, leases = KEYS[1], KEYS[2], KEYS[3]
local processed = { KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8] }
local retries, dead, state = KEYS[9], KEYS[10], KEYS[11]
local TYPES = { "stream", "hash", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD, MAX_IN_HAND = 8, 10000
local CRASHED = "the consumer died, or was stopped past its lease, during every attempt"
local function begin(group, consumer, incarnation, nonce, max, max_bytes)
  return {
    group = group,
    consumer = consumer,
    incarnation = incarnation,
    nonce = nonce,
    now = clock_now(),
    room = max,
    bytes = max_bytes,
    looks = 1000,
    more = 0,
    own_after = "",
    counts = {
      own = 0,
      stale = 0,
      retried = 0,
      duplicates = 0,
      dead_lettered = 0,
      trimmed = 0,
      deferred = 0,
    },
    leased = {},
  }
end
local function exhausted(self)
  if self.room > 0 and self.bytes > 0 and self.looks > 0 then
    return false
  end
  self.more = 1
  return true
end
local function acknowledge(self, id, count)
  redis.call("XACK", stream, self.group, id)
  redis.call("ZREM", retries, id)
  self.counts[count] = self.counts[count] + 1
end
local function lease(self, id, held_as, attempt, first_ms, is_suspect, fields, count)
  local token = tokens_make(id, self.consumer, attempt, self.nonce, first_ms)
  pending_take(stream, self.group, self.consumer, id, attempt)
  redis.call("HSET", leases, held_as, token)
  if count == "retried" then
    redis.call("ZREM", retries, id)
  end
  self.in_hand[id] = true
  local leased = self.leased
  leased[#leased + 1] = token
  leased[#leased + 1] = is_suspect and 1 or 0
  leased[#leased + 1] = #fields
  for at = 1, #fields do
    leased[#leased + 1] = fields[at]
    self.bytes = self.bytes - #fields[at]
  end
  self.room = self.room - 1
  self.counts[count] = self.counts[count] + 1
end
local function died(self, token)
  local consumer, incarnation = tokens_issued_by(token)
  local is_mine = consumer == self.consumer and incarnation == self.incarnation
  return not is_mine and begun_counts(state, token)
end
local function bury(self, id, held_as, attempts, first_ms, fields)
  if not stream_has_room(stream_last_id(dead)) then
    self.has_left = true
    return
  end
  redis.call("XACK", stream, self.group, id)
  redis.call("ZREM", retries, id)
  redis.call("HDEL", leases, held_as)
  ring_add(self.ring, state, { marks_of_entry(id) })
  dead_write(dead, self.now, {
    id = id,
    reason = "MAX_ATTEMPTS",
    message = CRASHED,
    attempts = attempts,
    first_ms = first_ms,
  }, self.group, fields)
  self.counts.dead_lettered = self.counts.dead_lettered + 1
end
local function recover_entry(self, about, count, wants_suspect)
  local id, attempt = about[1], math.max(about[4], 1)
  self.looks = self.looks - 1
  local fields = entries_read(stream, id)
  if not fields then
    return acknowledge(self, id, "trimmed")
  end
  local held_as = marks_of_key(entries_key(fields), id)
  local is_dead = not ids_less(self.loaded.read_to, id) and marks_of_entry(id)
  local settled = ring_remembers(self.ring, { held_as, is_dead or nil })
  if settled[held_as] or (is_dead and settled[is_dead]) then
    return acknowledge(self, id, "duplicates")
  end
  local token = redis.call("HGET", leases, held_as)
  local was_granted = token and tokens_entry(token) == id
  if was_granted and self.on_its_way[tokens_nonce(token)] then
    return nil
  end
  local first_ms = self.now - about[3]
  if was_granted then
    if died(self, token) then
      attempt = attempt + 1
    end
    local _, token_first_ms = tokens_history(token)
    first_ms = token_first_ms or first_ms
  else
    local holder = deferral_holder(stream, self.group, token, id)
    if holder and wants_suspect then
      return nil
    elseif holder then
      self.counts.deferred = self.counts.deferred + 1
      return pending_park(
        stream,
        self.group,
        retries,
        id,
        attempt,
        first_ms,
        deferral_due_at(holder, self.now)
      )
    end
  end
  local max_attempts = self.loaded.max_attempts
  if attempt > max_attempts then
    return bury(self, id, held_as, attempt - 1, first_ms, fields)
  end
  if was_granted and attempt == max_attempts and attempt > 1 then
    redis.call("HDEL", leases, held_as)
    return pending_park(stream, self.group, retries, id, attempt, first_ms, pending_SUSPECT)
  end
  return lease(self, id, held_as, attempt, first_ms, wants_suspect, fields, count)
end
local function recover_waiting(self, from, to, wants_suspect)
  local waiting = redis.call("ZRANGEBYSCORE", retries, from, to, "LIMIT", 0, 1000)
  for at = 1, #waiting do
    if exhausted(self) then
      return false
    end
    local about = pending_entry(stream, self.group, waiting[at])
    if not about or about[2] ~= pending_WAITING then
      about = restore_waiting(self.scene, waiting[at], about)
    end
    if about then
      recover_entry(self, about, "retried", wants_suspect)
    else
      self.looks = self.looks - 1
    end
  end
  if #waiting == 1000 then
    self.more = 1
  end
  return true
end
local function recover_handed_back(self)
  declarations_each_to_take(state, retries, self.consumer, function(score)
    return recover_waiting(self, score, score, false)
  end)
end
local function recover_own(self, after)
  self.own_after = after
  while after ~= "" and ids_after(after) ~= after do
    local page = redis.call("XPENDING", stream, self.group, "(" .. after, "+", 100, self.consumer)
    for at = 1, #page do
      if exhausted(self) then
        return
      end
      if not self.in_hand[page[at][1]] then
        recover_entry(self, page[at], "own")
      end
      self.own_after = page[at][1]
    end
    after = #page == 100 and self.own_after or ""
  end
  self.own_after = ""
end
local function recover_stale(self)
  local consumers = redis.call("XINFO", "CONSUMERS", stream, self.group)
  for at = 1, #consumers do
    local name, held = consumers[at][2], consumers[at][4]
    if held > 0 and name ~= self.consumer and name ~= pending_WAITING then
      local limit = math.min(self.room, self.looks) + 1
      local idle = self.loaded.lease_ms + 1
      local stale = redis.call("XPENDING", stream, self.group, "IDLE", idle, "-", "+", limit, name)
      for entry = 1, #stale do
        if exhausted(self) then
          return
        end
        recover_entry(self, stale[entry], "stale")
      end
      if #stale == limit then
        self.more = 1
      end
    end
  end
end
local function run()
  local group, consumer = args_name(ARGV[1], "group"), args_name(ARGV[2], "consumer")
  local incarnation, nonce = args_nonce(ARGV[3], "incarnation"), args_nonce(ARGV[4], "nonce")
  local max = args_int(ARGV[5], "max", 0, 1000)
  local max_bytes = args_int(ARGV[6], "maxBytes", 1, 536870912)
  local scope, own_after = ARGV[7], ARGV[8]
  if scope ~= "DUE" and scope ~= "ALL" and scope ~= "SUSPECT" then
    args_bad("scope", scope, "wanted DUE, ALL or SUSPECT")
  end
  if own_after ~= "" then
    args_id(own_after, "ownAfter")
  end
  if #ARGV - HEAD > MAX_IN_HAND then
    args_bad("inHand", #ARGV - HEAD, "wanted at most " .. MAX_IN_HAND .. " entry IDs and nonces")
  end
  local in_hand, on_its_way = {}, {}
  for at = HEAD + 1, #ARGV do
    if string.byte(ARGV[at]) == 64 then
      on_its_way[args_nonce(string.sub(ARGV[at], 2), "inHand")] = true
    else
      in_hand[args_id(ARGV[at], "inHand")] = true
    end
  end
  redis.call("HLEN", leases)
  redis.call("ZCARD", retries)
  redis.call("XLEN", dead)
  local refusal, loaded = group_join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if not pending_group_exists(stream, group) then
    return { "NOGROUP" }
  end
  local self = begin(group, consumer, incarnation, nonce, max, max_bytes)
  self.in_hand, self.on_its_way = in_hand, on_its_way
  self.loaded, self.ring = loaded, loaded.ring(processed, self.now)
  self.scene = {
    stream = stream,
    meta = meta,
    group = group,
    leases = leases,
    retries = retries,
    state = state,
    ring = self.ring,
    ttl_ms = loaded.ttl_ms,
    now = self.now,
  }
  if scope == "ALL" then
    pending_be_heard(stream, group, consumer)
    sweep_clock(stream, group, retries, state, loaded, self.now)
    sweep_orphans(self.scene)
    sweep_consumers(stream, group, state, self.now)
  end
  if scope == "SUSPECT" then
    self.room = math.min(self.room, 1)
    recover_waiting(self, pending_SUSPECTS_FROM, "+inf", true)
    self.more = 0
  else
    recover_waiting(self, 0, self.now, false)
    recover_handed_back(self)
  end
  if scope == "ALL" then
    recover_own(self, own_after)
    local saw_all = own_after == "0-0" and self.own_after == "" and not self.has_left
    sweep_records(stream, group, state, saw_all and consumer or nil)
    recover_stale(self)
  end
  local counts = self.counts
  balance_settled(state, counts.duplicates + counts.trimmed + counts.dead_lettered)
  if counts.trimmed > 0 then
    balance_lose(state, counts.trimmed, nil, false, self.now)
  end
  if scope == "ALL" then
    counts.trimmed = counts.trimmed + sweep_losses(self.scene)
  end
  local reply = {
    "OK",
    pending_next_due_in(retries, self.now),
    self.now,
    self.more,
    pending_suspects(retries),
    self.own_after,
    counts.own,
    counts.stale,
    counts.retried,
    counts.duplicates,
    counts.dead_lettered,
    counts.trimmed,
    counts.deferred,
  }
  local head = #reply
  for at = 1, #self.leased do
    reply[head + at] = self.leased[at]
  end
  return reply
end
return args_guarded(TYPES, run)
`,
};
