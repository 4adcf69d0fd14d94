-- Strict reading of ARGV. A caller's mistake ends the script before its first write.
-- Lua's tonumber is never trusted with them: it takes `nan`, `inf`, `0x10` and ` 12 `.
local constants = require("constants")
local ids = require("ids")
local status = require("status")
local types = require("types")

local args = {}

function args.bad(field, value, wanted)
  local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\1-\31\127-\255]", "?")
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

function args.tenant(value, field)
  if
    not value
    or #value > constants.MAX_TENANT_BYTES
    or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._-]*$")
  then
    args.bad(
      field,
      value,
      "wanted 1 to "
        .. constants.MAX_TENANT_BYTES
        .. " of A-Z a-z 0-9 . _ - that start with a letter or digit"
    )
  end
  return value
end

-- As Redis writes it: another spelling of an ID would not be found where IDs are compared as text.
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

--- A key as it is stored. One that starts with # would be taken for what `marks.lua` makes up.
function args.key(value, field)
  -- %C are the bytes but 0 to 31 and 127. Asked this way round it takes less than half as long as a search for one of
  -- those, and two thirds of what the set [^%c] takes.
  if not value or #value > constants.MAX_STORED_KEY_BYTES or not string.find(value, "^[^#%c]%C*$") then
    args.bad(
      field,
      value,
      "wanted 1 to "
        .. constants.MAX_STORED_KEY_BYTES
        .. " bytes without control characters, not starting with #"
    )
  end
  return value
end

function args.event_type(value, field)
  if
    not value
    or #value > constants.MAX_TYPE_BYTES
    or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._:-]*$")
  then
    args.bad(
      field,
      value,
      "wanted 1 to "
        .. constants.MAX_TYPE_BYTES
        .. " of A-Z a-z 0-9 . _ : - that start with a letter or digit"
    )
  end
  return value
end

--- The key of a delivered entry: empty for an entry that carries none.
function args.entry_key(value, field)
  return value == "" and value or args.key(value, field)
end

function args.text(value, field)
  if not value or #value > constants.MAX_MESSAGE_BYTES then
    args.bad(field, value, "wanted at most " .. constants.MAX_MESSAGE_BYTES .. " bytes")
  end
  return value
end

--- An incarnation or a nonce: no text that could be taken for another part of a token.
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

--- The items in ARGV from `first` on, `width` values each: how many, 1 to MAX_ENTRIES.
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

--- Runs the script's body: a caller's mistake, or an error of a command, becomes its error reply. That a key holds
-- another type than wanted is told before any other refusal, except where the user may not ask. `wanted` are the types
-- in the order of KEYS.
function args.guarded(wanted, run)
  if #KEYS ~= #wanted then
    return redis.error_reply("SLUICE_BADARG KEYS '" .. #KEYS .. "': wanted " .. #wanted)
  end
  local ok, reply = pcall(run)
  if ok then
    local refused = reply[1] ~= status.OK and reply[1] ~= status.NOPERM
    return refused and types.refusal(wanted) or reply
  end
  -- Redis 7 gives the error's text; 6.2 the table that was raised, or a text with the place in front of the error.
  local text = reply.err or reply
  if not string.find(text, "^SLUICE_BADARG ") then
    text = string.match(text, "%-(%u+ .*)$") or text
  end
  return string.find(text, "^WRONGTYPE ") and types.refusal(wanted) or redis.error_reply(text)
end

return args
