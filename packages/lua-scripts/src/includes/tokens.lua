-- The fence: `entryId|consumer|attempt|nonce`, kept in `leases` under the idempotency key while an attempt runs.
-- The nonce is the client's: the incarnation of its process, `_` and the number of its call. So no token is ever issued
-- twice, and begun.lua can tell whether the process has heard of it. Behind it stands the time of the entry's first
-- delivery, which a dead letter will tell and the pending list forgets.
local tokens = {}

function tokens.make(id, consumer, attempt, nonce, first_ms)
  return id .. tokens.tail(consumer, attempt, nonce, first_ms)
end

--- What follows the entry's ID: the same for all that one call leases as the same attempt.
function tokens.tail(consumer, attempt, nonce, first_ms)
  return "|" .. consumer .. "|" .. attempt .. "|" .. nonce .. "." .. first_ms
end

function tokens.entry(token)
  return string.match(token, "^[^|]*")
end

--- The attempt's number and the time of the first delivery.
function tokens.history(token)
  local attempt, first_ms = string.match(token, "^[^|]*|[^|]*|(%d+)|[^|.]*%.(%d+)$")
  return tonumber(attempt), tonumber(first_ms)
end

--- The consumer that the token was issued to, the incarnation of its process, and the number of the process's call.
-- Nil where the nonce is not an incarnation, `_` and a number.
function tokens.issued_by(token)
  return string.match(token, "^[^|]*|([^|]*)|%d+|([^|.]*)_(%d+)%.")
end

function tokens.nonce(token)
  return string.match(token, "^[^|]*|[^|]*|%d+|([^|.]*)%.") or ""
end

return tokens
