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

return dead
