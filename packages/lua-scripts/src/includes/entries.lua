-- The layout of a stream entry: `key` and `event`, and `group` on an entry that is replayed for one group only.
local constants = require("constants")

local entries = {}

--- The fields and values of an entry, flat and in order, or nil if it is no longer in the stream.
function entries.read(stream, id)
  local found = redis.call("XRANGE", stream, id, id)[1]
  return found and found[2]
end

-- Whether the text is UTF-8, without U+FFFD: a client that reads other bytes as text sees that in their place, and
-- would know the key by another name than this script does.
local function is_text(text)
  local at = 1
  while at <= #text do
    local lead = string.byte(text, at)
    local follow = (lead < 128 and 0)
      or (lead >= 194 and lead < 224 and 1)
      or (lead >= 224 and lead < 240 and 2)
    follow = follow or (lead >= 240 and lead < 245 and 3)
    if not follow or not string.find(text, "^" .. string.rep("[\128-\191]", follow), at + 1) then
      return false
    end
    local second = string.byte(text, at + 1) or 0
    -- Forms that are longer than need be, surrogates, and what lies beyond the last character.
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
  return not string.find(text, "\239\191\189", 1, true)
end

--- The key as it is stored; empty for an entry that is not in our layout, which is known by its ID alone.
function entries.key(fields)
  local ours = fields[1] == "key"
    and fields[3] == "event"
    and (#fields == 4 or (#fields == 6 and fields[5] == "group"))
  local key = ours and fields[2] or ""
  if #key > constants.MAX_STORED_KEY_BYTES or not string.find(key, "^[^#%c]%C*$") then
    return ""
  end
  if string.find(key, "[\128-\255]") and not is_text(key) then
    return ""
  end
  return key
end

return entries
