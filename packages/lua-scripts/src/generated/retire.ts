// Generated from src/scripts/retire.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** retire: remove consumers that have nothing pending. */
export const retireScript: Script = {
  name: "retire",
  sha1: "605dfc58b959acd502a955f250f7b9af8beee708",
  keys: ["stream", "meta", "state"],
  groupKeys: [],
  source: `-- sluice retire: generated from src/scripts/retire.lua, do not edit
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
local args_bad, args_int, args_name, args_nonce, args_guarded
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
local begun_whose, begun_forget
do
  function begun_whose(field)
    return string.match(field, "^begun:([^/]*)/(.*)$")
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
local declarations_of, declarations_forget
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
local group_incarnation_field, group_forget
do
  function group_incarnation_field(consumer)
    return "incarnation:" .. consumer
  end
  function group_forget(state, consumer)
    redis.call("HDEL", state, group_incarnation_field(consumer))
    declarations_forget(state, consumer)
    begun_forget(state, consumer)
  end
end
local pending_WAITING, pending_group_exists
do
  pending_WAITING = "/waiting"
  function pending_group_exists(stream, group)
    local reply = redis.pcall("XPENDING", stream, group, "-", "+", 0)
    if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
      error(reply, 0)
    end
    return reply.err == nil
  end
end
local stream, meta, state = KEYS[1], KEYS[2], KEYS[3]
local TYPES = { "stream", "hash", "hash" }
local function goes_by(name, incarnation)
  return not incarnation or redis.call("HGET", state, group_incarnation_field(name)) == incarnation
end
local function run()
  local group = args_name(ARGV[1], "group")
  local idle_ms = args_int(ARGV[2], "idleMs", 0, 315360000000)
  local only = ARGV[3] ~= "" and args_name(ARGV[3], "consumer")
  local incarnation = ARGV[4] ~= "" and args_nonce(ARGV[4], "incarnation")
  if #ARGV ~= 4 then
    args_bad("ARGV", #ARGV, "wanted 4 values")
  end
  local refusal = types_refusal(TYPES) or protocol_refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  if not pending_group_exists(stream, group) then
    return { "NOGROUP" }
  end
  local reply, here = { "OK" }, {}
  for _, about in ipairs(redis.call("XINFO", "CONSUMERS", stream, group)) do
    local name, held, idle = about[2], about[4], about[6]
    here[name] = true
    local asked = name ~= pending_WAITING and (not only or name == only)
    if asked and held == 0 and idle >= idle_ms and goes_by(name, incarnation) then
      redis.call("XGROUP", "DELCONSUMER", stream, group, name)
      group_forget(state, name)
      reply[#reply + 1] = name
    end
  end
  if only and incarnation and not here[only] and goes_by(only, incarnation) then
    group_forget(state, only)
  end
  return reply
end
return args_guarded(TYPES, run)
`,
};
