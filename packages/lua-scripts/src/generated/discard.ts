// Generated from src/scripts/discard.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** discard: drop dead letters. */
export const discardScript: Script = {
  name: "discard",
  sha1: "cd5013269aba41bc3ec3d4fcbfdbca2e592f1c41",
  keys: ["meta", "dead"],
  groupKeys: [],
  source: `-- sluice discard: generated from src/scripts/discard.lua, do not edit
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
local meta, dead = KEYS[1], KEYS[2]
local function run()
  local letters = {}
  for at = 1, args.items(1, 1) do
    letters[at] = args.id(ARGV[at], "letter")
  end
  local refusal = types.refusal(meta, "hash", dead, "stream")
    or protocol.refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  local reply = { status.OK }
  for at = 1, #letters do
    reply[at + 1] = redis.call("XDEL", dead, letters[at]) == 1 and status.DISCARDED or status.NOTFOUND
  end
  return reply
end
return args.guarded(2, run)
`,
};
