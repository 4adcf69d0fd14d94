// Generated from src/scripts/discard.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** discard: drop dead letters. */
export const discardScript: Script = {
  name: "discard",
  sha1: "3a79c08a6485106a45c21ef03b8a69f832eef685",
  keys: ["meta", "dead"],
  groupKeys: [],
  source: `-- sluice discard: generated from src/scripts/discard.lua, do not edit
local ids_UINT64_MAX, ids_split
do
  ids_UINT64_MAX = "18446744073709551615"
  function ids_split(id)
    local ms, seq = string.match(id, "^(%d+)-(%d+)$")
    return ms, seq
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
local args_bad, args_id, args_items, args_guarded
do
  function args_bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\\1-\\31\\127-\\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
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
local protocol_CURRENT, protocol_refusal
do
  protocol_CURRENT = tostring(1)
  function protocol_refusal(recorded)
    if recorded and recorded ~= protocol_CURRENT then
      return { "PROTOCOL", recorded }
    end
  end
end
local meta, dead = KEYS[1], KEYS[2]
local TYPES = { "hash", "stream" }
local function run()
  local letters = {}
  for at = 1, args_items(1, 1) do
    letters[at] = args_id(ARGV[at], "letter")
  end
  local refusal = types_refusal(TYPES) or protocol_refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  local reply = { "OK" }
  for at = 1, #letters do
    reply[at + 1] = redis.call("XDEL", dead, letters[at]) == 1 and "DISCARDED" or "NOTFOUND"
  end
  return reply
end
return args_guarded(TYPES, run)
`,
};
