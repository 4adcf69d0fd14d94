-- What `state` records of a group, and who may act for it.
local begun = require("begun")
local declarations = require("declarations")
local protocol = require("protocol")
local ring = require("ring")
local status = require("status")

local group = {}

--- Where `state` keeps the incarnation of a consumer: which process goes by its name.
function group.incarnation_field(consumer)
  return "incarnation:" .. consumer
end

--- Forgets a consumer: who goes by its name, what it has begun, and what it declares.
function group.forget(state, consumer)
  redis.call("HDEL", state, group.incarnation_field(consumer))
  declarations.forget(state, consumer)
  begun.forget(state, consumer)
end

--- Reads the state. Answers a refusal, or nil and the state:
-- ttl_ms, lease_ms, max_attempts, read_to (entries up to there may have been delivered to a group that was lost),
-- incarnation (nil if there is none) and ring(buckets, now).
function group.load(meta, state, consumer)
  local refusal = protocol.refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  return nil, group.read(state, consumer)
end

--- Reads the state, whatever protocol the stream is of.
function group.read(state, consumer)
  local found = redis.call(
    "HMGET",
    state,
    "idempotencyTtlMs",
    "leaseMs",
    "maxAttempts",
    "readTo",
    "ringIndex",
    "ringOpenedAt",
    "ringWidth",
    "seenAt",
    group.incarnation_field(consumer)
  )
  local loaded = {
    ttl_ms = tonumber(found[1]),
    lease_ms = tonumber(found[2]),
    max_attempts = tonumber(found[3]),
    read_to = found[4] or "0-0",
    seen_at = tonumber(found[8]),
    incarnation = found[9] or nil,
  }
  function loaded.ring(buckets, now)
    local recorded =
      { index = tonumber(found[5]), opened_at = tonumber(found[6]), width = tonumber(found[7]) }
    return ring.at(buckets, recorded, loaded.ttl_ms, now)
  end
  return loaded
end

--- For a consumer at work: also refuses where the group is not open, or a newer process has the name.
function group.join(meta, state, consumer, incarnation)
  local refusal, loaded = group.load(meta, state, consumer)
  if refusal then
    return refusal
  end
  if not loaded.ttl_ms or not loaded.lease_ms or not loaded.max_attempts or not loaded.incarnation then
    return { status.NOGROUP }
  end
  if loaded.incarnation ~= incarnation then
    return { status.SUPERSEDED }
  end
  return nil, loaded
end

return group
