--- replay: give dead letters back to the group that they died in.
--
-- An entry that is still in the stream is put among the waiting ones of this group, due now, as a first attempt; no
-- other group sees it. One that was trimmed away is added again with a third field, `group`, by which other groups
-- know to pass it over. The letter goes in the same call, so an event is always in exactly one place, and replaying
-- twice means once. The key stays, so an event that was handled under it meanwhile is a duplicate.
--
-- @key   stream          STREAM
-- @key   meta            HASH    protocol
-- @key   processed.0..4  SET     ring of processed keys, and marks of dead letters
-- @key   retries         ZSET    waiting entries by due time
-- @key   dead            STREAM  dead letters
-- @key   state           HASH    group settings, ring
-- @arg   group           string
-- @arg   letters         list of the dead letters' own IDs, 1..1000
-- @reply OK, then in the order asked (REPLAYED | NOTFOUND, the entry's ID now or empty)
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply EXHAUSTED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a letter is replayed once
-- @cost  O(N) in the letters
-- @since protocol 1
local args = require("args")
local clock = require("clock")
local dead_letters = require("dead")
local entries = require("entries")
local group_state = require("group")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local types = require("types")

local stream, meta = KEYS[1], KEYS[2]
local processed = { KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7] }
local retries, dead, state = KEYS[8], KEYS[9], KEYS[10]
local HEAD = 1

-- Where the event is from now on: its old place in the stream, or a new one.
local function give_back(group, letter, now)
  if entries.read(stream, letter.id) then
    pending.put_back(stream, group, retries, letter.id, now)
    return letter.id
  end
  local fields = letter.fields
  fields[#fields + 1] = "group"
  fields[#fields + 1] = group
  return redis.call("XADD", stream, "*", unpack(fields))
end

local function run()
  local group = args.name(ARGV[1], "group")
  local count = args.items(HEAD + 1, 1)
  local letters = {}
  for n = 1, count do
    letters[n] = args.id(ARGV[HEAD + n], "letter")
  end
  local refusal = types.refusal(
    stream,
    "stream",
    meta,
    "hash",
    retries,
    "zset",
    dead,
    "stream",
    state,
    "hash"
  ) or types.refusal_of_all(processed, "set")
  if refusal then
    return refusal
  end
  local loaded
  refusal, loaded = group_state.load(meta, state, "")
  if refusal then
    return refusal
  end
  if not loaded.ttl_ms or not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end
  if not stream_info.has_room(stream_info.last_id(stream)) then
    return { status.EXHAUSTED }
  end

  local now = clock.now()
  local marked = loaded.ring(processed, now)
  local reply = { status.OK }
  for n = 1, count do
    local letter = dead_letters.read(dead, letters[n])
    local given = letter and letter.fields and give_back(group, letter, now)
    if given then
      ring.forget(marked, marks.of_entry(letter.id))
      redis.call("XDEL", dead, letters[n])
    end
    reply[#reply + 1] = given and status.REPLAYED or status.NOTFOUND
    reply[#reply + 1] = given or ""
  end
  return reply
end

return args.guarded(10, run)
