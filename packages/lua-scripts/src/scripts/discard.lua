--- discard: drop dead letters.
--
-- The events stay settled: what marks them as dead letters remains, so that a group that is made again does not run
-- them after all.
--
-- @key   meta     HASH    protocol
-- @key   dead     STREAM  dead letters
-- @arg   letters  list of the dead letters' own IDs, 1..1000
-- @reply OK, then DISCARDED | NOTFOUND in the order asked
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a letter is discarded once
-- @cost  O(N) in the letters
-- @since protocol 1
local args = require("args")
local protocol = require("protocol")
local status = require("status")
local types = require("types")

local meta, dead = KEYS[1], KEYS[2]
local TYPES = { "hash", "stream" }

local function run()
  local letters = {}
  for at = 1, args.items(1, 1) do
    letters[at] = args.id(ARGV[at], "letter")
  end
  local refusal = types.refusal(TYPES) or protocol.refusal(redis.call("HGET", meta, "protocol"))
  if refusal then
    return refusal
  end
  local reply = { status.OK }
  for at = 1, #letters do
    reply[at + 1] = redis.call("XDEL", dead, letters[at]) == 1 and status.DISCARDED or status.NOTFOUND
  end
  return reply
end

return args.guarded(TYPES, run)
