// Generated from src/scripts/release.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** release: give entries back, due at once for any consumer, without burning an attempt. */
export const releaseScript: Script = {
  name: "release",
  sha1: "6083640c482c6f64d1f09ad06b98c5621f5fc7cc",
  keys: ["stream", "meta", "leases", "retries", "state"],
  groupKeys: [],
  source: `-- sluice release: generated from src/scripts/release.lua, do not edit
local ids_UINT64_MAX, ids_split
do
  ids_UINT64_MAX = "18446744073709551615"
  function ids_split(id)
    local ms, seq = string.match(id, "^(%d+)-(%d+)$")
    return ms, seq
  end
end
local types_refusal
do
  function types_refusal(wanted)
    for at = 1, #wanted do
      local found = redis.call("TYPE", KEYS[at]).ok
      if found ~= "none" and found ~= wanted[at] then
        return { "WRONGTYPE", KEYS[at], found, wanted[at] }
      end
    end
  end
end
local args_bad, args_name, args_id, args_key, args_entry_key, args_nonce, args_items, args_guarded
do
  function args_bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\\1-\\31\\127-\\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
  end
  function args_name(value, field)
    if not value or #value > 128 or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._-]*$") then
      args_bad(field, value, "wanted 1 to 128 of A-Z a-z 0-9 . _ - that start with a letter or digit")
    end
    return value
  end
  local function uint64(text)
    local digits = #text
    if digits > 1 and string.byte(text) == 48 then
      return false
    end
    return digits < 20 or (digits == 20 and text <= ids_UINT64_MAX)
  end
  function args_id(value, field)
    local ms, seq
    if value then
      ms, seq = ids_split(value)
    end
    if not ms or not uint64(ms) or not uint64(seq) then
      args_bad(field, value, "wanted an entry ID such as 1764000000000-0")
    end
    return value
  end
  function args_key(value, field)
    if not value or #value > 385 or not string.find(value, "^[^#%c]%C*$") then
      args_bad(
        field,
        value,
        "wanted 1 to "
          .. 385
          .. " bytes without control characters, not starting with #"
      )
    end
    return value
  end
  function args_entry_key(value, field)
    return value == "" and value or args_key(value, field)
  end
  function args_nonce(value, field)
    if not value or #value > 64 or not string.find(value, "^[A-Za-z0-9_-]+$") then
      args_bad(field, value, "wanted 1 to 64 of A-Z a-z 0-9 _ -")
    end
    return value
  end
  function args_items(first, width)
    local count = (#ARGV - first + 1) / width
    if count < 1 or count > 1000 or count ~= math.floor(count) then
      args_bad(
        "ARGV",
        #ARGV,
        "wanted " .. (first - 1) .. " values and 1 to " .. 1000 .. " times " .. width
      )
    end
    return count
  end
  function args_guarded(wanted, run)
    if #KEYS ~= #wanted then
      return redis.error_reply("SLUICE_BADARG KEYS '" .. #KEYS .. "': wanted " .. #wanted)
    end
    local ok, reply = pcall(run)
    if ok then
      local refused = reply[1] ~= "OK" and reply[1] ~= "NOPERM"
      return refused and types_refusal(wanted) or reply
    end
    local text = reply.err or reply
    if not string.find(text, "^SLUICE_BADARG ") then
      text = string.match(text, "%-(%u+ .*)$") or text
    end
    return string.find(text, "^WRONGTYPE ") and types_refusal(wanted) or redis.error_reply(text)
  end
end
local tokens_entry, tokens_history, tokens_issued_by, tokens_nonce
do
  function tokens_entry(token)
    return string.match(token, "^[^|]*")
  end
  function tokens_history(token)
    local attempt, first_ms = string.match(token, "^[^|]*|[^|]*|(%d+)|[^|.]*%.(%d+)$")
    return tonumber(attempt), tonumber(first_ms)
  end
  function tokens_issued_by(token)
    return string.match(token, "^[^|]*|([^|]*)|%d+|([^|.]*)_(%d+)%.")
  end
  function tokens_nonce(token)
    return string.match(token, "^[^|]*|[^|]*|%d+|([^|.]*)%.") or ""
  end
end
local begun_field, begun_suspect
do
  local PREFIX = "begun:"
  function begun_field(consumer, incarnation)
    return PREFIX .. consumer .. "/" .. incarnation
  end
  local function parts(record)
    local high, unheard, suspect = string.match(record or "", "^(%d+);([%d,]*);(.*)$")
    return tonumber(high), "," .. (unheard or "") .. ",", suspect
  end
  function begun_suspect(state, consumer, incarnation)
    local _, _, suspect = parts(redis.call("HGET", state, begun_field(consumer, incarnation)))
    return suspect
  end
end
local chunks_ask
do
  function chunks_ask(command, key, values)
    if #values <= 1000 then
      return #values == 0 and {} or redis.call(command, key, unpack(values))
    end
    local replies = {}
    for first = 1, #values, 1000 do
      local part =
        redis.call(command, key, unpack(values, first, math.min(first + 1000 - 1, #values)))
      for at = 1, #part do
        replies[first + at - 1] = part[at]
      end
    end
    return replies
  end
end
local clock_now
do
  function clock_now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
end
local entries_read, entries_key
do
  function entries_read(stream, id)
    local found = redis.call("XRANGE", stream, id, id)[1]
    return found and found[2]
  end
  local function is_text(text)
    local at = 1
    while at <= #text do
      local lead = string.byte(text, at)
      local follow = (lead < 128 and 0)
        or (lead >= 194 and lead < 224 and 1)
        or (lead >= 224 and lead < 240 and 2)
      follow = follow or (lead >= 240 and lead < 245 and 3)
      if not follow or not string.find(text, "^" .. string.rep("[\\128-\\191]", follow), at + 1) then
        return false
      end
      local second = string.byte(text, at + 1) or 0
      if
        (lead == 224 and second < 160)
        or (lead == 237 and second > 159)
        or (lead == 240 and second < 144)
        or (lead == 244 and second > 143)
      then
        return false
      end
      at = at + 1 + follow
    end
    return not string.find(text, "\\239\\191\\189", 1, true)
  end
  function entries_key(fields)
    local ours = fields[1] == "key"
      and fields[3] == "event"
      and (#fields == 4 or (#fields == 6 and fields[5] == "group"))
    local key = ours and fields[2] or ""
    if #key > 385 or not string.find(key, "^[^#%c]%C*$") then
      return ""
    end
    if string.find(key, "[\\128-\\255]") and not is_text(key) then
      return ""
    end
    return key
  end
end
local protocol_CURRENT, protocol_refusal
do
  protocol_CURRENT = tostring(1)
  function protocol_refusal(recorded)
    if recorded and recorded ~= protocol_CURRENT then
      return { "PROTOCOL", recorded }
    end
  end
end
local ring_at
do
  local COUNT = 5
  local REMEMBERED = COUNT - 1
  local function bucket_width(ttl_ms)
    return math.ceil(ttl_ms / (REMEMBERED - 1))
  end
  function ring_at(buckets, recorded, ttl_ms, now)
    local self = { buckets = buckets, sizes = {}, turns = 0 }
    for at = 1, COUNT do
      self.sizes[at] = redis.call("SCARD", buckets[at])
    end
    self.index = recorded.index or 0
    self.next_width = bucket_width(ttl_ms)
    self.width = recorded.width or self.next_width
    self.opened_at = math.min(recorded.opened_at or now, now)
    local closes_at = self.opened_at + self.width
    if closes_at <= now then
      local turns = 1 + math.floor((now - closes_at) / self.next_width)
      self.from = self.index
      self.turns = math.min(turns, COUNT)
      self.index = (self.index + turns) % COUNT
      self.opened_at = closes_at + (turns - 1) * self.next_width
      self.width = self.next_width
    end
    for turn = 1, self.turns do
      self.sizes[(self.from + turn) % COUNT + 1] = 0
    end
    self.changed = self.opened_at ~= recorded.opened_at
    return self
  end
end
local group_incarnation_field, group_load, group_read, group_join
do
  function group_incarnation_field(consumer)
    return "incarnation:" .. consumer
  end
  function group_load(meta, state, consumer)
    local refusal = protocol_refusal(redis.call("HGET", meta, "protocol"))
    if refusal then
      return refusal
    end
    return nil, group_read(state, consumer)
  end
  function group_read(state, consumer)
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
      group_incarnation_field(consumer)
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
      return ring_at(buckets, recorded, loaded.ttl_ms, now)
    end
    return loaded
  end
  function group_join(meta, state, consumer, incarnation)
    local refusal, loaded = group_load(meta, state, consumer)
    if refusal then
      return refusal
    end
    if not loaded.ttl_ms or not loaded.lease_ms or not loaded.max_attempts or not loaded.incarnation then
      return { "NOGROUP" }
    end
    if loaded.incarnation ~= incarnation then
      return { "SUPERSEDED" }
    end
    return nil, loaded
  end
end
local marks_of_key
do
  function marks_of_key(key, id)
    return key == "" and "#" .. id or key
  end
end
local pending_WAITING, pending_group_exists, pending_entry, pending_recount, pending_park, pending_SUSPECT
do
  pending_WAITING = "/waiting"
  function pending_group_exists(stream, group)
    local reply = redis.pcall("XPENDING", stream, group, "-", "+", 0)
    if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
      error(reply, 0)
    end
    return reply.err == nil
  end
  function pending_entry(stream, group, id)
    return redis.call("XPENDING", stream, group, id, id, 1)[1]
  end
  function pending_recount(stream, group, about, attempt)
    redis.call(
      "XCLAIM",
      stream,
      group,
      about[2],
      0,
      about[1],
      "IDLE",
      about[3],
      "RETRYCOUNT",
      attempt,
      "JUSTID"
    )
  end
  function pending_park(stream, group, retries, id, attempt, first_ms, due_at)
    redis.call(
      "XCLAIM",
      stream,
      group,
      pending_WAITING,
      0,
      id,
      "TIME",
      first_ms,
      "RETRYCOUNT",
      attempt,
      "JUSTID"
    )
    redis.call("ZADD", retries, due_at, id)
  end
  pending_SUSPECT = 4e15
end
local stream, meta, leases, retries, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local TYPES = { "stream", "hash", "hash", "zset", "hash" }
local HEAD, WIDTH = 3, 3
local function may_release(entry, current, incarnation, is_superseded)
  if entry.token ~= "" then
    return current == entry.token
  end
  if is_superseded then
    return false
  end
  local by = incarnation .. "_"
  local is_own = current and string.sub(tokens_nonce(current), 1, #by) == by
  return not current or tokens_entry(current) ~= entry.id or is_own
end
local function was_taken(entry, current, consumer, incarnation)
  local by, process = tokens_issued_by(entry.token)
  local is_own = by == consumer and process == incarnation
  return is_own and current and current ~= entry.token and tokens_entry(current) == entry.id
end
local function was_counted(entry, current, about)
  local mine, newer = tokens_history(entry.token), tokens_history(current)
  return mine and newer and about[4] == newer and newer > 1 and (newer == mine or newer == mine + 1)
end
local function run()
  local group, consumer = args_name(ARGV[1], "group"), args_name(ARGV[2], "consumer")
  local incarnation = args_nonce(ARGV[3], "incarnation")
  local asked = {}
  for n = 1, args_items(HEAD + 1, WIDTH) do
    local at = HEAD + (n - 1) * WIDTH
    local id, key = args_id(ARGV[at + 1], "entry_id"), args_entry_key(ARGV[at + 2], "idempotency_key")
    asked[n] = { id = id, key = key, token = ARGV[at + 3] }
  end
  redis.call("ZCARD", retries)
  local refusal = group_join(meta, state, consumer, incarnation)
  local is_superseded = refusal and refusal[1] == "SUPERSEDED"
  if refusal and not is_superseded then
    return refusal
  end
  if not pending_group_exists(stream, group) then
    return { "NOGROUP" }
  end
  local now = clock_now()
  local held_as = {}
  for n, entry in ipairs(asked) do
    local fields = entry.key == "" and entry.token == "" and entries_read(stream, entry.id)
    held_as[n] = marks_of_key(fields and entries_key(fields) or entry.key, entry.id)
  end
  local held = chunks_ask("HMGET", leases, held_as)
  local suspect = begun_suspect(state, consumer, incarnation)
  local reply, released, taken, done = { "OK" }, {}, {}, {}
  for n, entry in ipairs(asked) do
    local about, current = pending_entry(stream, group, entry.id), held[n] or nil
    local is_open = about and not done[entry.id]
    local holds = is_open and about[2] == consumer and may_release(entry, current, incarnation, is_superseded)
    local is_taken = is_open and not holds and was_taken(entry, current, consumer, incarnation)
    done[entry.id] = done[entry.id] or holds or is_taken
    reply[n + 1] = holds and "RELEASED" or is_taken and "TAKEN" or "LOST"
    if is_taken and was_counted(entry, current, about) then
      taken[#taken + 1] = about
    elseif holds then
      local is_leased = current and tokens_entry(current) == entry.id
      local _, first_ms = tokens_history(is_leased and current or "")
      released[#released + 1] = {
        id = entry.id,
        attempt = about[4],
        first_ms = first_ms or now,
        due_at = entry.id == suspect and pending_SUSPECT or now,
        held_as = is_leased and held_as[n],
      }
    end
  end
  for _, entry in ipairs(released) do
    pending_park(stream, group, retries, entry.id, entry.attempt, entry.first_ms, entry.due_at)
    if entry.held_as then
      redis.call("HDEL", leases, entry.held_as)
    end
  end
  for _, about in ipairs(taken) do
    pending_recount(stream, group, about, about[4] - 1)
  end
  return reply
end
return args_guarded(TYPES, run)
`,
};
