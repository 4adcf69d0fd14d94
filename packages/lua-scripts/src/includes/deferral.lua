-- An entry whose key another pending entry holds waits, and is looked at again.
local constants = require("constants")
local pending = require("pending")
local tokens = require("tokens")

local deferral = {}

--- The token by which another entry that is still pending holds the key, or nil: a token counts only while its
-- entry is pending.
function deferral.holder(stream, group, token, id)
  local holder = token and tokens.entry(token)
  if holder and holder ~= id and pending.entry(stream, group, holder) then
    return token
  end
end

--- When to look again: after as long as the holder has been at it, so a short handler is not waited for long, and
-- a long one not asked about often.
function deferral.due_at(holder, now)
  local _, first_ms = tokens.history(holder)
  local age = now - (first_ms or now)
  return now + math.min(math.max(age, constants.DEFER_MIN_MS), constants.DEFER_MAX_MS)
end

return deferral
