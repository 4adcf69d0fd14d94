--- publish: add a batch of events to a stream, each key once within the publish window.
--
-- A publisher that lost a reply publishes again under the same key; the window answers with the ID of the first
-- entry, so neither it nor its caller makes a second one. The same key with another payload is a mistake that must
-- not pass in silence. The length limit refuses rather than trims: nobody's event is dropped to make room, and only
-- new entries count towards it.
--
-- The first write is an XADD, so a server at maxmemory refuses the call before anything has changed.
--
-- @key   stream       STREAM
-- @key   meta         HASH    protocol, publish window state
-- @key   published.0  HASH    idempotency key -> entryId|fingerprint
-- @key   published.1  HASH    the other generation
-- @arg   windowMs     integer milliseconds, 0 for no window
-- @arg   maxLength    integer entries, 0 for no limit; the stream's own limit, which `trim` records, holds too
-- @arg   atomic       0 | 1: 1 publishes all or nothing
-- @arg   events       list of (idempotency_key, event, fingerprint), 1..1000
-- @reply OK | REFUSED, the stream's length and its limit (0: none), its slowest group (empty unless an event was
--        FULL), then in the order asked (NEW | DUPLICATE | MISMATCH | FULL, entry_id); REFUSED is answered to an
--        atomic call of which one is MISMATCH or FULL, and then nothing was published
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply EXHAUSTED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @error OOM                the server is at maxmemory; nothing was written
-- @invariant an entry's event is byte for byte the argument
-- @invariant a key in the window names an entry that was added under it
-- @cost  O(N) in the events; with a length limit reached also O(G) in the groups
-- @since protocol 1
local args = require("args")
local clock = require("clock")
local constants = require("constants")
local lowwater = require("lowwater")
local protocol = require("protocol")
local status = require("status")
local stream_info = require("stream")
local window = require("window")

local stream, meta, published_0, published_1 = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local TYPES = { "stream", "hash", "hash", "hash" }
local HEAD, WIDTH = 3, 3

-- 0 is no limit.
local function lesser_limit(a, b)
  return (a == 0 and b) or (b == 0 and a) or math.min(a, b)
end

-- The group that holds up trimming.
local function slowest_group()
  local _, name = lowwater.least(stream, meta)
  return name or ""
end

local function run()
  local window_ms = args.int(ARGV[1], "windowMs", 0, constants.MAX_SPAN_MS)
  local max_length = args.int(ARGV[2], "maxLength", 0, 2 ^ 53)
  local atomic = args.flag(ARGV[3], "atomic")
  local count = args.items(HEAD + 1, WIDTH)
  local keys = {}
  for n = 1, count do
    keys[n] = args.key(ARGV[HEAD + (n - 1) * WIDTH + 1], "idempotency_key")
  end
  -- Not always read before they are written: see types.lua.
  redis.call("HLEN", published_0)
  redis.call("HLEN", published_1)
  local recorded = redis.call("HMGET", meta, "protocol", "maxLength", unpack(window.FIELDS))
  local refusal = protocol.refusal(recorded[1])
  if refusal then
    return refusal
  end
  max_length = lesser_limit(max_length, tonumber(recorded[2] or 0))

  local publish_window = window_ms > 0
    and window.at(
      { published_0, published_1 },
      { recorded[3], recorded[4], recorded[5] },
      window_ms,
      clock.now()
    )
  local known = publish_window and window.published(publish_window, stream, keys) or {}
  local room = max_length > 0 and max_length - redis.call("XLEN", stream) or count

  local verdicts, refused, full = {}, false, false
  local first_in_batch = {}
  for n = 1, count do
    local key, fingerprint = keys[n], ARGV[HEAD + n * WIDTH]
    local first = known[key]
    local twin = publish_window and first_in_batch[key]
    if first or twin then
      local same = fingerprint == (first and first.fingerprint or ARGV[HEAD + twin * WIDTH])
      verdicts[n] = same and status.DUPLICATE or status.MISMATCH
    elseif room <= 0 then
      verdicts[n], full = status.FULL, true
    else
      verdicts[n], room = status.NEW, room - 1
      first_in_batch[key] = n
    end
    refused = refused or verdicts[n] == status.MISMATCH or verdicts[n] == status.FULL
  end

  refused = refused and atomic
  local added, fresh, remembered = {}, 0, {}
  for n = 1, refused and 0 or count do
    if verdicts[n] == status.NEW then
      local event = ARGV[HEAD + n * WIDTH - 1]
      local id = redis.pcall("XADD", stream, "*", "key", keys[n], "event", event)
      if type(id) == "table" then
        -- Only the first XADD can fail: of maxmemory, of a key that is no stream, or because the stream's last ID is
        -- the greatest there is.
        if string.find(id.err, "exhausted", 1, true) then
          return { status.EXHAUSTED }
        end
        error(id, 0)
      end
      if fresh == 0 and not stream_info.has_room(id) then
        redis.call("XDEL", stream, id)
        return { status.EXHAUSTED }
      end
      added[n], fresh = id, fresh + 1
      if publish_window then
        remembered[2 * fresh - 1], remembered[2 * fresh] = keys[n], id .. "|" .. ARGV[HEAD + n * WIDTH]
      end
    end
  end
  if fresh > 0 then
    if not recorded[1] then
      redis.call("HSET", meta, "protocol", protocol.CURRENT)
    end
    if publish_window then
      window.add(publish_window, meta, remembered)
    end
  end

  local reply = {
    refused and status.REFUSED or status.OK,
    max_length > 0 and redis.call("XLEN", stream) or 0,
    max_length,
    full and slowest_group() or "",
  }
  for n = 1, count do
    local key = keys[n]
    reply[3 + 2 * n] = verdicts[n]
    reply[4 + 2 * n] = added[n] or known[key] and known[key].id or added[first_in_batch[key]] or ""
  end
  return reply
end

return args.guarded(TYPES, run)
