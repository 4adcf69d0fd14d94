-- Dead letters: what happened, then the whole original entry.
local constants = require("constants")

local dead = {}

-- An entry with more values than one command may carry is kept as one field, each value behind its length.
local function packed(fields)
  local parts = {}
  for at = 1, #fields do
    parts[at] = #fields[at] .. ":" .. fields[at]
  end
  return { "fields", table.concat(parts) }
end

local function unpacked(text)
  local fields, at = {}, 1
  while at <= #text do
    local colon = string.find(text, ":", at, true)
    local length = tonumber(string.sub(text, at, colon - 1))
    fields[#fields + 1] = string.sub(text, colon + 1, colon + length)
    at = colon + length + 1
  end
  return fields
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

--- The dead letter with this ID of its own: the entry's id, and its fields unless they were gone. Nil if there is none.
function dead.read(stream, id)
  local found = redis.call("XRANGE", stream, id, id)[1]
  if not found then
    return nil
  end
  local values = found[2]
  local layout, fields = values[HEAD], { unpack(values, HEAD + 1) }
  if layout == "packed" then
    fields = unpacked(fields[2])
  end
  return { id = values[2], fields = layout ~= "gone" and fields or nil }
end

return dead
