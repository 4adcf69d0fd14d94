--- trim: drop entries that every group has settled.
--
-- Every group: those that the stream has, and those that `meta` has registered although they are gone, since they
-- will be made again where they were. Where there is none, nobody has settled anything, and nothing is dropped. What
-- is younger than settledForMs stays, for whoever wants to look.
--
-- What is dropped is recorded, so that the publish window can tell it from what others have removed. Also records the
-- stream's length limit, which publishing obeys.
--
-- @key   stream        STREAM
-- @key   meta          HASH    protocol, registered groups with their low-water IDs, length limit,
--                      what was dropped
-- @arg   settledForMs  integer milliseconds that an entry stays at least, by its ID
-- @arg   maxLength     integer entries, 0 for no limit; empty leaves the limit as it is
-- @arg   limit         integer entries to drop at most, 1..100000
-- @reply OK, entries dropped, the ID below which every entry is settled, 1 if there is more to drop else 0
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant an entry that a group has not settled stays
-- @cost  O(G) in the groups, O(N) in the entries dropped
-- @since protocol 1
local args = require("args")
local clock = require("clock")
local constants = require("constants")
local ids = require("ids")
local lowwater = require("lowwater")
local protocol = require("protocol")
local status = require("status")
local trimmed = require("trimmed")
local types = require("types")

local stream, meta = KEYS[1], KEYS[2]
local TYPES = { "stream", "hash" }

-- Entries read at most to find where an exact trim ends: those of a node, unless the server's nodes are larger.
local EXACTLY = 100

-- Drops whole nodes, which is cheap, then what is left of one; an exact XTRIM takes no limit of its own, and would
-- also drop the nodes that the limit has spared. Answers how many, and whether there is more.
local function drop(threshold, limit)
  local dropped = redis.call("XTRIM", stream, "MINID", "~", threshold, "LIMIT", limit)
  local most = math.min(limit - dropped, EXACTLY)
  if most == 0 then
    return dropped, true
  end
  local left = redis.call("XRANGE", stream, "-", "(" .. threshold, "COUNT", most + 1)
  if #left > most then
    threshold = left[most + 1][1]
  end
  return dropped + redis.call("XTRIM", stream, "MINID", "=", threshold), #left > most
end

local function run()
  local settled_for_ms = args.int(ARGV[1], "settledForMs", 0, constants.MAX_SPAN_MS)
  local max_length = ARGV[2] ~= "" and args.int(ARGV[2], "maxLength", 0, 2 ^ 48)
  local limit = args.int(ARGV[3], "limit", 1, 100000)
  if #ARGV ~= 3 then
    args.bad("ARGV", #ARGV, "wanted 3 values")
  end
  local refusal = types.refusal(TYPES) or protocol.refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end

  local dropped, threshold, more = 0, "0-0", false
  local least = lowwater.least(stream, meta)
  if least then
    threshold = ids.after(least)
    local aged = math.max(0, clock.now() - settled_for_ms + 1) .. "-0"
    if ids.less(aged, threshold) then
      threshold = aged
    end
    dropped, more = drop(threshold, limit)
  end
  if dropped > 0 then
    trimmed.note(stream, meta, dropped, threshold, more)
  end
  if max_length then
    -- A write that does not grow goes first, so that a consumer with a limit can start on a server at maxmemory.
    redis.call("HDEL", meta, "maxLength")
    if max_length > 0 then
      redis.call("HSET", meta, "maxLength", max_length)
    end
  end
  return { status.OK, dropped, threshold, more and 1 or 0 }
end

return args.guarded(TYPES, run)
