-- The fence: `entryId|consumer|attempt|nonce`, kept in `leases` under the idempotency key while an attempt runs.
-- The nonce is the client's, unique per process and call, so no token is ever issued twice; behind it stands the
-- time of the entry's first delivery, which a dead letter will tell and the pending list forgets.
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

function tokens.nonce(token)
  return string.match(token, "^[^|]*|[^|]*|%d+|([^|.]*)%.") or ""
end

return tokens
