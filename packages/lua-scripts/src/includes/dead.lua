-- Dead letters: what happened, then the whole original entry.
local constants = require("constants")
local entries = require("entries")

local dead = {}

-- An entry with more values than one command may carry is kept as one field: the values joined by commas, commas and
-- backslashes within them behind a backslash. Lengths in front would no longer be true for a client that has read
-- bytes that are not UTF-8 as text.
local function packed(fields)
  local parts = {}
  for at = 1, #fields do
    parts[at] = string.gsub(fields[at], "[\\,]", "\\%0")
  end
  return { "fields", table.concat(parts, ",") }
end

--- Writes a dead letter. `letter` has id, reason, message, attempts, first_ms; `fields` is nil if the entry is gone.
function dead.write(stream, now, letter, group, fields)
  local whole = fields or {}
  local layout = "fields"
  if #whole > constants.CHUNK then
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

-- What `write` puts in front of the original entry: eight fields with their values.
local HEAD = 16

--- The dead letter with this ID of its own: the entry's id, and its fields if it can be added to the stream again,
-- that is if it is in our layout and was there when it died. Nil if there is no such letter.
function dead.read(stream, id)
  local found = redis.call("XRANGE", stream, id, id)[1]
  local values = found and found[2]
  if not values or values[1] ~= "entryId" then
    return nil
  end
  local fields = values[HEAD] == "fields" and { unpack(values, HEAD + 1) } or {}
  return { id = values[2], fields = entries.key(fields) ~= "" and fields or nil }
end

return dead
