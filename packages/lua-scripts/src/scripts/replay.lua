--- replay: give dead letters back to the group that they died in.
--
-- An entry that is still in the stream is put among the waiting ones of this group, due now, as a first attempt; no
-- other group sees it. One that was trimmed away is added again with a third field, `group`, by which other groups
-- know to pass it over. The letter goes in the same call, so an event is always in exactly one place, and replaying
-- twice means once. The key stays, so an event that was handled under it meanwhile is a duplicate.
--
-- A group that was lost and made again may be about to be given the entry once more, or have it pending: nothing but
-- the letter's mark kept it from running then. Such an entry is left where it is, and runs since the mark goes.
--
-- An entry given back in its old place is below what `meta` may have recorded as settled; the low-water ID is noted
-- again here, or a group that is lost before its next recovery would be made again behind the entry.
--
-- A foreign entry that was trimmed away cannot be told apart for one group, and would die again in all of them: its
-- letter stays.
--
-- @key   stream          STREAM
-- @key   meta            HASH    protocol, low-water IDs
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
-- @error OOM                the server is at maxmemory and the first entry must be added again; nothing was written
-- @invariant a letter is replayed once
-- @cost  O(N) in the letters, O(G) in the stream's groups
-- @since protocol 1
local args = require("args")
local balance = require("balance")
local clock = require("clock")
local dead_letters = require("dead")
local entries = require("entries")
local group_state = require("group")
local ids = require("ids")
local lowwater = require("lowwater")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local types = require("types")

local stream, meta = KEYS[1], KEYS[2]
local processed = { KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7] }
local retries, dead, state = KEYS[8], KEYS[9], KEYS[10]
local TYPES = { "stream", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD = 1

-- What can be given back of a letter: the entry in its old place, a new one, or nothing.
local function judge(letter_id)
  local letter = dead_letters.read(dead, letter_id)
  if not letter then
    return {}
  end
  local in_place = entries.read(stream, letter.id) ~= nil
  return { id = letter.id, in_place = in_place, anew = not in_place and letter.fields ~= nil }
end

-- Whether the group has done with an entry of its stream, so that nobody would come back to it.
local function is_done(group, existing, id)
  return not ids.less(existing.last_delivered, id) and not pending.entry(stream, group, id)
end

-- Read again here, so that no more than one event is held at a time.
local function add_anew(group, letter_id)
  local fields = dead_letters.read(dead, letter_id).fields
  return redis.call("XADD", stream, "*", fields[1], fields[2], fields[3], fields[4], "group", group)
end

local function run()
  local group = args.name(ARGV[1], "group")
  local count = args.items(HEAD + 1, 1)
  local letters = {}
  for n = 1, count do
    letters[n] = args.id(ARGV[HEAD + n], "letter")
  end
  local refusal = types.refusal(TYPES)
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

  local plan, any_anew, any_in_place = {}, false, false
  for n = 1, count do
    local letter_id = letters[n]
    plan[letter_id] = plan[letter_id] or judge(letter_id)
    any_anew = any_anew or plan[letter_id].anew
    any_in_place = any_in_place or plan[letter_id].in_place
  end
  if any_anew and not stream_info.has_room(stream_info.last_id(stream)) then
    return { status.EXHAUSTED }
  end

  local now = clock.now()
  local marked = loaded.ring(processed, now)
  local existing = any_in_place and lowwater.group(stream, group)
  local reply, put_back = { status.OK }, 0
  for n = 1, count do
    local letter_id = letters[n]
    local letter, entry_id = plan[letter_id], ""
    if letter.in_place then
      entry_id = letter.id
      if is_done(group, existing, entry_id) then
        pending.put_back(stream, group, retries, entry_id, now)
        put_back = put_back + 1
      end
    elseif letter.anew then
      entry_id = add_anew(group, letter_id)
    end
    if entry_id ~= "" then
      ring.forget(marked, marks.of_entry(letter.id))
      redis.call("XDEL", dead, letter_id)
      plan[letter_id] = {} -- asked again in this call, it is not there any more
    end
    reply[#reply + 1] = entry_id ~= "" and status.REPLAYED or status.NOTFOUND
    reply[#reply + 1] = entry_id
  end
  if put_back > 0 then
    balance.settled(state, -put_back)
    redis.call("HSET", meta, lowwater.field(group), lowwater.of(stream, existing))
  end
  return reply
end

return args.guarded(TYPES, run)
