--- enroll: record the tenants of a stream, so that workers find them.
--
-- A publisher calls it before its first publish of a tenant and once an hour after that, so that a tenant stays in the
-- registry as last seen about an hour ago while it publishes. A tenant that was written within the hour is only read:
-- the registry is written about once per tenant and hour, however many processes publish.
--
-- The registry belongs to the stream's name and not to a tenant, so it has neither `meta` nor a protocol of its own: a
-- protocol that changed it would give it another key.
--
-- @key   tenants  ZSET  tenant -> when it was last written, in milliseconds since 1970
-- @arg   tenants  list of string, 1..1000
-- @reply OK, how many of them are new
-- @reply WRONGTYPE, key, found, wanted
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @error OOM                a tenant is to be written on a server at maxmemory; nothing was written
-- @invariant a tenant stays until it is taken out by name
-- @cost  O(N log T) in the tenants given and those there are
-- @since protocol 1
local args = require("args")
local chunks = require("chunks")
local clock = require("clock")
local constants = require("constants")
local status = require("status")

local tenants = KEYS[1]
local TYPES = { "zset" }

local function run()
  for n = 1, args.items(1, 1) do
    args.tenant(ARGV[n], "tenant")
  end
  local now = clock.now()
  local before = redis.call("ZCARD", tenants)
  local stale = {}
  for _, tenant in ipairs(ARGV) do
    local at = tonumber(redis.call("ZSCORE", tenants, tenant))
    -- A time to come was written by a clock that has gone back since.
    if not at or at <= now - constants.ENROLLED_MS or at > now then
      stale[#stale + 1] = now
      stale[#stale + 1] = tenant
    end
  end
  chunks.call(stale, 2, "ZADD", tenants)
  return { status.OK, redis.call("ZCARD", tenants) - before }
end

return args.guarded(TYPES, run)
