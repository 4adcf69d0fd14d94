--- beat: tell the other workers of a group that this one lives, and who they are.
--
-- Each worker writes its name here every two seconds. From the names that are live all of them work out, without
-- another word, which two of them listen to a tenant. Where more waits than those two can take, they put the tenant on
-- the help list, and a worker with slots to spare is told of it. What nobody has said again for a while is dropped.
--
-- The first beat of a group records when the group was born: what a tenant publishes after that is new to the group,
-- also where it is opened for the tenant much later.
--
-- A worker that stops sends LEAVE, so that the others take over at once, not ten seconds later.
--
-- @key   workers  ZSET  worker -> time of its last beat, in milliseconds since 1970
-- @key   help     ZSET  tenant that needs help -> when a worker said so last, in milliseconds since 1970
-- @key   born     HASH  at -> time of the group's first beat, in milliseconds since 1970
-- @arg   worker   string
-- @arg   mode     BEAT | LEAVE: LEAVE takes the worker's beat out and records no birth
-- @arg   spare    0 | 1: 1 asks for tenants that need help
-- @arg   tenants  list of (tenant, 1 if it needs help or 0 if it needs none any more), 0..1000
-- @reply OK, now in milliseconds, when the group was born in milliseconds since 1970 (-1: no worker ever was), number
--        of live workers, their names, then up to 100 tenants that need help and are not among those given
-- @reply WRONGTYPE, key, found, wanted
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a server at maxmemory takes beats too: or full servers would lose their workers
-- @cost  O(W + N log H) in the live workers, the tenants given and those that need help
-- @since protocol 1
local args = require("args")
local chunks = require("chunks")
local clock = require("clock")
local constants = require("constants")
local status = require("status")

local workers, help, born = KEYS[1], KEYS[2], KEYS[3]
local TYPES = { "zset", "zset", "hash" }
local HEAD, WIDTH = 3, 2

-- Who has beaten lately, and who has not. A time far in the future was written by a clock that has gone back since.
local function peers(now, own)
  local live, gone = {}, { own }
  local beats = redis.call("ZRANGE", workers, 0, -1, "WITHSCORES")
  for at = 1, #beats, 2 do
    if beats[at] ~= own then
      local list = math.abs(now - beats[at + 1]) < constants.BEAT_MS and live or gone
      list[#list + 1] = beats[at]
    end
  end
  return live, gone
end

-- Tenants for which somebody else lately said that they need help.
local function asking(now, given)
  local found = {}
  local since, limit = now - constants.HELP_MS, constants.MAX_HELP + #given.all
  for _, tenant in ipairs(redis.call("ZRANGEBYSCORE", help, "(" .. since, "+inf", "LIMIT", 0, limit)) do
    if given.needs[tenant] == nil and #found < constants.MAX_HELP then
      found[#found + 1] = tenant
    end
  end
  return found
end

local function read_tenants()
  local given = { all = {}, needs = {} }
  for n = 1, #ARGV > HEAD and args.items(HEAD + 1, WIDTH) or 0 do
    local tenant = args.tenant(ARGV[HEAD + n * WIDTH - 1], "tenant")
    given.all[n] = tenant
    given.needs[tenant] = args.flag(ARGV[HEAD + n * WIDTH], "needs help")
  end
  return given
end

-- Entries that nobody renews: older than a beat, or that far in the future.
local function outdated(now)
  local before =
    redis.call("ZRANGEBYSCORE", help, "-inf", now - constants.BEAT_MS, "LIMIT", 0, constants.CHUNK)
  local after =
    redis.call("ZRANGEBYSCORE", help, now + constants.BEAT_MS, "+inf", "LIMIT", 0, constants.CHUNK)
  return before, after
end

local function run()
  local worker = args.name(ARGV[1], "worker")
  local mode = ARGV[2]
  if mode ~= "BEAT" and mode ~= "LEAVE" then
    args.bad("mode", mode, "wanted BEAT or LEAVE")
  end
  local spare = args.flag(ARGV[3], "spare")
  local given = read_tenants()

  local now = clock.now()
  local live, gone = peers(now, worker)
  local before, after = outdated(now)
  local found = spare and asking(now, given) or {}
  local born_at = tonumber(redis.call("HGET", born, "at"))
  local add = {}
  for tenant, needs in pairs(given.needs) do
    if needs then
      add[#add + 1] = now
      add[#add + 1] = tenant
    else
      before[#before + 1] = tenant
    end
  end

  -- A write that does not grow goes first, so that those behind it pass at maxmemory.
  chunks.call(gone, 1, "ZREM", workers)
  if mode == "BEAT" then
    redis.call("ZADD", workers, now, worker)
    live[#live + 1] = worker
    if not born_at then
      born_at = now
      redis.call("HSET", born, "at", now)
    end
  end
  chunks.call(before, 1, "ZREM", help)
  chunks.call(after, 1, "ZREM", help)
  chunks.call(add, 2, "ZADD", help)

  local reply = { status.OK, now, born_at or -1, #live }
  for _, list in ipairs({ live, found }) do
    for _, name in ipairs(list) do
      reply[#reply + 1] = name
    end
  end
  return reply
end

return args.guarded(TYPES, run)
