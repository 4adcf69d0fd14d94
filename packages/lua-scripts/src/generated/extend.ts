// Generated from src/scripts/extend.lua by `npx tsx packages/lua-scripts/build/generate.ts`. Do not edit.
import type { Script } from "../script.js";

/** extend: let the consumer that holds an entry keep it for another lease. */
export const extendScript: Script = {
  name: "extend",
  sha1: "75590ed06b7bc933dabc99e238858a55e3748336",
  keys: ["stream", "meta", "leases", "state"],
  groupKeys: [],
  source: `-- sluice extend: generated from src/scripts/extend.lua, do not edit
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
local tokens_entry
do
  function tokens_entry(token)
    return string.match(token, "^[^|]*")
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
local pending_group_exists, pending_touch
do
  function pending_group_exists(stream, group)
    local reply = redis.pcall("XPENDING", stream, group, "-", "+", 0)
    if reply.err and not string.find(reply.err, "^%-?NOGROUP") then
      error(reply, 0)
    end
    return reply.err == nil
  end
  function pending_touch(stream, group, consumer, ids)
    if #ids > 0 then
      ids[#ids + 1] = "JUSTID"
      redis.call("XCLAIM", stream, group, consumer, 0, unpack(ids))
      ids[#ids] = nil
    end
  end
end
local stream, meta, leases, state = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local TYPES = { "stream", "hash", "hash", "hash" }
local HEAD, WIDTH = 3, 2
local function run()
  local group, consumer = args_name(ARGV[1], "group"), args_name(ARGV[2], "consumer")
  local incarnation = args_nonce(ARGV[3], "incarnation")
  local held_as, asked = {}, {}
  for n = 1, args_items(HEAD + 1, WIDTH) do
    local key, token = ARGV[HEAD + n * WIDTH - 1], ARGV[HEAD + n * WIDTH]
    local id = args_id(tokens_entry(token), "token")
    held_as[n], asked[n] = marks_of_key(args_entry_key(key, "idempotency_key"), id), token
  end
  local refusal = group_join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if not pending_group_exists(stream, group) then
    return { "NOGROUP" }
  end
  local current = chunks_ask("HMGET", leases, held_as)
  local reply, kept = { "OK" }, {}
  for n, token in ipairs(asked) do
    local holds = current[n] == token
    reply[n + 1] = holds and "EXTENDED" or "LOST"
    if holds then
      kept[#kept + 1] = tokens_entry(token)
    end
  end
  pending_touch(stream, group, consumer, kept)
  return reply
end
return args_guarded(TYPES, run)
`,
};
