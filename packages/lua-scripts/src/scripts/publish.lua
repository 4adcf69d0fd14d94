--- publish: add a batch of events to a stream, each key once within the publish window.
--
-- A key identifies one event of one type. Where the publisher named it, the client sends the type with it,
-- `order.placed:o1`, so that `order.cancelled` under `o1` is another event; a key that the client generated is sent as
-- it is. Scripts compare keys, and do not look into them.
--
-- A publisher that lost a reply publishes again under the same key; the window answers with the ID of the first
-- entry, so neither it nor its caller makes a second one. An entry that others have removed is not answered with: no
-- group will ever be given it, so the event is published anew. The same key with another payload is a mistake that must
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
--        FULL), the entry_id of each event in the order asked (empty: there is none), then (position, DUPLICATE |
--        MISMATCH | FULL) for each that is not NEW; positions count from 1 in the order asked, and ascend. REFUSED is
--        answered to an atomic call of which one is MISMATCH or FULL, and then nothing was published
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply EXHAUSTED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @error OOM                the server is at maxmemory; nothing was written
-- @invariant an entry's event is byte for byte the argument
-- @invariant a DUPLICATE names an entry that is in the stream, or that `trim` has dropped
-- @cost  O(N) in the events, each DUPLICATE reads its first entry; with a length limit reached also O(G) in the groups
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
local HEAD, WIDTH, ANSWER = 3, 3, 4

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
  local recorded = redis.call("HMGET", meta, "protocol", "maxLength", unpack(window.FIELDS))
  local refusal = protocol.refusal(recorded[1])
  if refusal then
    return refusal
  end
  max_length = lesser_limit(max_length, tonumber(recorded[2] or 0))

  local publish_window, known = nil, {}
  if window_ms > 0 then
    local placed = { recorded[3], recorded[4], recorded[5] }
    publish_window = window.at({ published_0, published_1 }, placed, window_ms, clock.now())
    known = window.published(publish_window, stream, meta, keys)
  else
    -- For their types alone: see types.lua.
    redis.call("HLEN", published_0)
    redis.call("HLEN", published_1)
  end
  local room = max_length > 0 and max_length - redis.call("XLEN", stream) or count

  -- What becomes of those that are not new, and where the first of each key stands.
  local verdicts, exceptions, first_in_batch = {}, {}, {}
  local refused, full = false, false
  for n = 1, count do
    local key = keys[n]
    local first, twin = known[key], first_in_batch[key]
    if first or twin then
      local fingerprint = first and first.fingerprint or ARGV[HEAD + twin * WIDTH]
      verdicts[n] = fingerprint == ARGV[HEAD + n * WIDTH] and status.DUPLICATE or status.MISMATCH
    elseif room <= 0 then
      verdicts[n], full = status.FULL, true
    else
      room = room - 1
      first_in_batch[key] = publish_window and n
    end
    if verdicts[n] then
      exceptions[#exceptions + 1] = n
      exceptions[#exceptions + 1] = verdicts[n]
      refused = refused or verdicts[n] ~= status.DUPLICATE
    end
  end

  refused = refused and atomic
  local reply, remembered, fresh = { refused and status.REFUSED or status.OK, 0, max_length, "" }, {}, 0
  for n = 1, count do
    local key, id = keys[n], ""
    if verdicts[n] then
      id = known[key] and known[key].id or reply[ANSWER + (first_in_batch[key] or n)] or ""
    elseif not refused then
      id = redis.pcall("XADD", stream, "*", "key", key, "event", ARGV[HEAD + n * WIDTH - 1])
      if fresh == 0 then
        -- Only the first XADD can fail: of maxmemory, of a key that is no stream, or because the stream's last ID is
        -- the greatest there is.
        if type(id) == "table" then
          if string.find(id.err, "exhausted", 1, true) then
            return { status.EXHAUSTED }
          end
          error(id, 0)
        end
        if not stream_info.has_room(id) then
          redis.call("XDEL", stream, id)
          return { status.EXHAUSTED }
        end
      end
      fresh = fresh + 1
      if publish_window then
        remembered[2 * fresh - 1], remembered[2 * fresh] = key, id .. "|" .. ARGV[HEAD + n * WIDTH]
      end
    end
    reply[ANSWER + n] = id
  end
  if fresh > 0 then
    if not recorded[1] then
      redis.call("HSET", meta, "protocol", protocol.CURRENT)
    end
    if publish_window then
      window.add(publish_window, meta, remembered)
    end
  end

  if max_length > 0 then
    reply[2] = redis.call("XLEN", stream)
  end
  if full then
    reply[4] = slowest_group()
  end
  for at = 1, #exceptions do
    reply[#reply + 1] = exceptions[at]
  end
  return reply
end

return args.guarded(TYPES, run)
