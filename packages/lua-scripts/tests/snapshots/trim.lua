-- sluice trim: generated from src/scripts/trim.lua, do not edit
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
local args_bad, args_int, args_guarded
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
local trimmed_note
do
  function trimmed_note(stream, meta, dropped, threshold, more)
    local recorded = redis.call("HMGET", meta, "trimmed", "trimmedTo", "removedByOthers")
    local about = stream_about(stream)
    local total = tonumber(recorded[1] or 0) + dropped
    local to = recorded[2] or "0-0"
    local upto = ids_before(more and about.first_id or threshold)
    local by_others = about.added and about.added - about.length - total or 0
    if by_others ~= tonumber(recorded[3] or 0) then
      redis.call("HSET", meta, "trimmedFrom", about.last_id, "removedByOthers", by_others)
    end
    redis.call("HSET", meta, "trimmed", total, "trimmedTo", ids_less(to, upto) and upto or to)
  end
end
local stream, meta = KEYS[1], KEYS[2]
local TYPES = { "stream", "hash" }
local EXACTLY = 100
local function drop(threshold, limit)
  local dropped = redis.call("XTRIM", stream, "MINID", "~", threshold, "LIMIT", limit)
  local most = math.min(limit - dropped, EXACTLY)
  if most == 0 then
    return dropped, true
  end
  local left = redis.call("XRANGE", stream, "-", "(" .. threshold, "COUNT", most + 1)
  if #left > most then
    threshold = left[most + 1][1]
  end
  return dropped + redis.call("XTRIM", stream, "MINID", "=", threshold), #left > most
end
local function run()
  local settled_for_ms = args_int(ARGV[1], "settledForMs", 0, 315360000000)
  local max_length = ARGV[2] ~= "" and args_int(ARGV[2], "maxLength", 0, 2 ^ 48)
  local limit = args_int(ARGV[3], "limit", 1, 100000)
  if #ARGV ~= 3 then
    args_bad("ARGV", #ARGV, "wanted 3 values")
  end
  local refusal = types_refusal(TYPES) or protocol_refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  local dropped, threshold, more = 0, "0-0", false
  local least = lowwater_least(stream, meta)
  if least then
    threshold = ids_after(least)
    local aged = math.max(0, clock_now() - settled_for_ms + 1) .. "-0"
    if ids_less(aged, threshold) then
      threshold = aged
    end
    dropped, more = drop(threshold, limit)
  end
  if dropped > 0 then
    trimmed_note(stream, meta, dropped, threshold, more)
  end
  if max_length then
    redis.call("HDEL", meta, "maxLength")
    if max_length > 0 then
      redis.call("HSET", meta, "maxLength", max_length)
    end
  end
  return { "OK", dropped, threshold, more and 1 or 0 }
end
return args_guarded(TYPES, run)
