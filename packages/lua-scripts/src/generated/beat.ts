// Generated from src/scripts/beat.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** beat: tell the other workers of a group that this one lives, and who they are. */
export const beatScript: Script = {
  name: "beat",
  sha1: "8ba60eb9f69dc5468aef908a8b3ba16faa609ce2",
  keys: ["workers", "help", "born"],
  groupKeys: [],
  source: `-- sluice beat: generated from src/scripts/beat.lua, do not edit
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
local args_bad, args_name, args_tenant, args_flag, args_items, args_guarded
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
  function args_tenant(value, field)
    if
      not value
      or #value > 64
      or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._-]*$")
    then
      args_bad(
        field,
        value,
        "wanted 1 to "
          .. 64
          .. " of A-Z a-z 0-9 . _ - that start with a letter or digit"
      )
    end
    return value
  end
  function args_flag(value, field)
    if value ~= "0" and value ~= "1" then
      args_bad(field, value, "wanted 0 or 1")
    end
    return value == "1"
  end
  function args_items(first, width)
    local count = (#ARGV - first + 1) / width
    if count < 1 or count > 1000 or count ~= math.floor(count) then
      args_bad(
        "ARGV",
        #ARGV,
        "wanted " .. (first - 1) .. " values and 1 to " .. 1000 .. " times " .. width
      )
    end
    return count
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
local chunks_call
do
  function chunks_call(values, width, command, key)
    local size = 1000 - 1000 % width
    for first = 1, #values, size do
      redis.call(command, key, unpack(values, first, math.min(first + size - 1, #values)))
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
local workers, help, born = KEYS[1], KEYS[2], KEYS[3]
local TYPES = { "zset", "zset", "hash" }
local HEAD, WIDTH = 3, 2
local function peers(now, own)
  local live, gone = {}, { own }
  local beats = redis.call("ZRANGE", workers, 0, -1, "WITHSCORES")
  for at = 1, #beats, 2 do
    if beats[at] ~= own then
      local list = math.abs(now - beats[at + 1]) < 10000 and live or gone
      list[#list + 1] = beats[at]
    end
  end
  return live, gone
end
local function asking(now, given)
  local found = {}
  local since, limit = now - 1500, 100 + #given.all
  for _, tenant in ipairs(redis.call("ZRANGEBYSCORE", help, "(" .. since, "+inf", "LIMIT", 0, limit)) do
    if given.needs[tenant] == nil and #found < 100 then
      found[#found + 1] = tenant
    end
  end
  return found
end
local function read_tenants()
  local given = { all = {}, needs = {} }
  for n = 1, #ARGV > HEAD and args_items(HEAD + 1, WIDTH) or 0 do
    local tenant = args_tenant(ARGV[HEAD + n * WIDTH - 1], "tenant")
    given.all[n] = tenant
    given.needs[tenant] = args_flag(ARGV[HEAD + n * WIDTH], "needs help")
  end
  return given
end
local function outdated(now)
  local before =
    redis.call("ZRANGEBYSCORE", help, "-inf", now - 10000, "LIMIT", 0, 1000)
  local after =
    redis.call("ZRANGEBYSCORE", help, now + 10000, "+inf", "LIMIT", 0, 1000)
  return before, after
end
local function run()
  local worker = args_name(ARGV[1], "worker")
  local mode = ARGV[2]
  if mode ~= "BEAT" and mode ~= "LEAVE" then
    args_bad("mode", mode, "wanted BEAT or LEAVE")
  end
  local spare = args_flag(ARGV[3], "spare")
  local given = read_tenants()
  local now = clock_now()
  local live, gone = peers(now, worker)
  local before, after = outdated(now)
  local found = spare and asking(now, given) or {}
  local born_at = tonumber(redis.call("HGET", born, "at"))
  local add = {}
  for tenant, needs in pairs(given.needs) do
    if needs then
      add[#add + 1] = now
      add[#add + 1] = tenant
    else
      before[#before + 1] = tenant
    end
  end
  chunks_call(gone, 1, "ZREM", workers)
  if mode == "BEAT" then
    redis.call("ZADD", workers, now, worker)
    live[#live + 1] = worker
    if not born_at then
      born_at = now
      redis.call("HSET", born, "at", now)
    end
  end
  chunks_call(before, 1, "ZREM", help)
  chunks_call(after, 1, "ZREM", help)
  chunks_call(add, 2, "ZADD", help)
  local reply = { "OK", now, born_at or -1, #live }
  for _, list in ipairs({ live, found }) do
    for _, name in ipairs(list) do
      reply[#reply + 1] = name
    end
  end
  return reply
end
return args_guarded(TYPES, run)
`,
};
