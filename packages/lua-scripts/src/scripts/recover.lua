--- recover: take back what is due, and lease it.
--
-- In this order: waiting entries that are due; entries that others have handed back, of a type that this consumer
-- declares or that no consumer of the group does any more; the consumer's own pending entries, except those its process names as
-- in hand (after a restart or a cut connection Redis knows of entries that the process does not); stale entries of
-- other consumers, idle for longer than the lease. What must run is leased and returned whole. What was processed is
-- acknowledged; what was attempted too often is dead-lettered; what was trimmed away is reported; an entry whose key
-- another pending entry holds waits again.
--
-- The attempt's number goes up here only if a token of this very entry is still there: then a process died, or was
-- stopped past its lease, while it handled it. The last attempt of such an entry runs alone in its process, so that
-- poison takes no neighbour along: it is leased only to a process that has nothing in hand, and then nothing else is
-- leased; else it stays where it is, and the reply tells the process to finish what it has.
--
-- Stale entries are walked per consumer, since XAUTOCLAIM would also take the waiting ones early. History is never
-- read, since that raises the count.
--
-- With scope ALL it also shows that the consumer is alive, sweeps a bounded number of orphans (tokens whose entry is no
-- longer pending, waiting entries without a due time, what is recorded of consumers that the group no longer has), notes the group's low-water ID, and, when the server's clock has
-- gone back by more than a lease, restarts the lease clocks and moves the due times, so that work does not stop for
-- the size of the jump.
--
-- @key   stream          STREAM
-- @key   meta            HASH    protocol, low-water IDs
-- @key   leases          HASH    idempotency key -> token
-- @key   processed.0..4  SET     ring of processed keys
-- @key   retries         ZSET    waiting entries by due time
-- @key   dead            STREAM  dead letters
-- @key   state           HASH    group settings, ring, incarnations, declared types, cursors, last server time
-- @arg   group           string
-- @arg   consumer        string
-- @arg   incarnation     string  which process goes by the consumer's name
-- @arg   nonce           string  1 to 64 of A-Z a-z 0-9 _ -, unique per process and call
-- @arg   max             integer entries to lease at most, 0..1000
-- @arg   scope           DUE | ALL: waiting entries only, or everything
-- @arg   ownAfter        entry ID: own pending entries after it; empty skips them
-- @arg   inHand          what the process has in hand, 0..10000 of: an entry ID; @ and a nonce, for what a call with
--                        that nonce has leased whose reply is on its way to it
-- @reply OK, milliseconds until the next waiting entry is due (-1: none waits), now in milliseconds,
--        1 if there is more to recover else 0, 1 if an entry waits for a process with nothing in hand else 0,
--        the last own entry looked at (empty: all of them),
--        own, stale, retried, duplicates, deadLettered, trimmed, deferred as counts,
--        then per leased entry: token, 1 if it runs alone else 0, number of values, then its fields and values
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply SUPERSEDED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a waiting entry is not taken before its due time
-- @invariant a key is LEASED to one entry at a time
-- @cost  O(N) in the entries looked at, at most 1,000, plus O(C) in the group's consumers
-- @since protocol 1
local args = require("args")
local clock = require("clock")
local constants = require("constants")
local dead_letters = require("dead")
local declarations = require("declarations")
local deferral = require("deferral")
local entries = require("entries")
local group_state = require("group")
local ids = require("ids")
local lowwater = require("lowwater")
local marks = require("marks")
local pending = require("pending")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local sweep = require("sweep")
local tokens = require("tokens")

local stream, meta, leases = KEYS[1], KEYS[2], KEYS[3]
local processed = { KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8] }
local retries, dead, state = KEYS[9], KEYS[10], KEYS[11]
local TYPES = { "stream", "hash", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD, MAX_IN_HAND = 7, 10000

local CRASHED = "the consumer died, or was stopped past its lease, during every attempt"

-- One recovery: what it looks with, how much it may still lease and look at, and what it has found.
local function begin(group, consumer, nonce, max, in_hand, on_its_way)
  return {
    in_hand = in_hand,
    on_its_way = on_its_way,
    free = next(in_hand) == nil and next(on_its_way) == nil,
    alone_waits = 0,
    group = group,
    consumer = consumer,
    nonce = nonce,
    now = clock.now(),
    room = max,
    looks = constants.MAX_ENTRIES,
    more = 0,
    own_after = "",
    counts = {
      own = 0,
      stale = 0,
      retried = 0,
      duplicates = 0,
      dead_lettered = 0,
      trimmed = 0,
      deferred = 0,
    },
    leased = {},
  }
end

local function exhausted(self)
  if self.room > 0 and self.looks > 0 then
    return false
  end
  self.more = 1
  return true
end

local function acknowledge(self, id, count)
  redis.call("XACK", stream, self.group, id)
  redis.call("ZREM", retries, id)
  self.counts[count] = self.counts[count] + 1
end

local function lease(self, id, held_as, attempt, first_ms, alone, fields, count)
  local token = tokens.make(id, self.consumer, attempt, self.nonce, first_ms)
  pending.take(stream, self.group, self.consumer, id, attempt)
  redis.call("HSET", leases, held_as, token)
  if count == "retried" then
    redis.call("ZREM", retries, id)
  end
  self.in_hand[id] = true
  local leased = self.leased
  leased[#leased + 1] = token
  leased[#leased + 1] = alone and 1 or 0
  leased[#leased + 1] = #fields
  for at = 1, #fields do
    leased[#leased + 1] = fields[at]
  end
  self.room = alone and 0 or self.room - 1
  self.counts[count] = self.counts[count] + 1
end

-- Judges one pending entry; `about` is what XPENDING says of it, `count` what it counts as if it is leased.
local function recover_entry(self, about, count)
  local id, attempt = about[1], math.max(about[4], 1)
  self.looks = self.looks - 1
  local fields = entries.read(stream, id)
  if not fields then
    return acknowledge(self, id, "trimmed")
  end
  local held_as = marks.of_key(entries.key(fields), id)
  local is_dead = not ids.less(self.loaded.read_to, id) and marks.of_entry(id)
  local settled = ring.remembers(self.ring, { held_as, is_dead or nil })
  if settled[held_as] or (is_dead and settled[is_dead]) then
    return acknowledge(self, id, "duplicates")
  end

  local token = redis.call("HGET", leases, held_as)
  local crashed = token and tokens.entry(token) == id
  if crashed and self.on_its_way[tokens.nonce(token)] then
    return nil
  end
  -- While an entry waits, its clock holds the time of its first delivery.
  local first_ms = self.now - about[3]
  if crashed then
    attempt = attempt + 1
    local _, token_first_ms = tokens.history(token)
    first_ms = token_first_ms or first_ms
  else
    local holder = deferral.holder(stream, self.group, token, id)
    if holder then
      self.counts.deferred = self.counts.deferred + 1
      return pending.park(
        stream,
        self.group,
        retries,
        id,
        attempt,
        first_ms,
        deferral.due_at(holder, self.now)
      )
    end
  end
  if attempt > self.loaded.max_attempts then
    if not stream_info.has_room(stream_info.last_id(dead)) then
      -- It stays pending, as it is, until an operator has made room for its letter.
      return nil
    end
    redis.call("XACK", stream, self.group, id)
    redis.call("ZREM", retries, id)
    redis.call("HDEL", leases, held_as)
    ring.add(self.ring, state, { marks.of_entry(id) })
    dead_letters.write(dead, self.now, {
      id = id,
      reason = status.MAX_ATTEMPTS,
      message = CRASHED,
      attempts = attempt - 1,
      first_ms = first_ms,
    }, self.group, fields)
    self.counts.dead_lettered = self.counts.dead_lettered + 1
    return nil
  end
  local alone = crashed and attempt == self.loaded.max_attempts
  if alone and not (self.free and #self.leased == 0) then
    self.alone_waits = 1
    return nil
  end
  return lease(self, id, held_as, attempt, first_ms, alone, fields, count)
end

-- Waiting entries with a score in this range; answers whether there is room for more.
local function recover_waiting(self, min, max)
  local found = redis.call("ZRANGEBYSCORE", retries, min, max, "LIMIT", 0, constants.MAX_ENTRIES)
  for at = 1, #found do
    if exhausted(self) then
      return false
    end
    local about = pending.entry(stream, self.group, found[at])
    if about and about[2] == pending.WAITING then
      recover_entry(self, about, "retried")
    else
      redis.call("ZREM", retries, found[at])
      self.looks = self.looks - 1
    end
  end
  if #found == constants.MAX_ENTRIES then
    self.more = 1
  end
  return true
end

local function recover_handed_back(self)
  declarations.each_to_take(state, retries, self.consumer, function(score)
    return recover_waiting(self, score, score)
  end)
end

local function recover_own(self, after)
  self.own_after = after
  -- Nothing comes after the greatest ID, and Redis refuses to be asked.
  while after ~= "" and ids.after(after) ~= after do
    local page = redis.call("XPENDING", stream, self.group, "(" .. after, "+", constants.SWEEP, self.consumer)
    for at = 1, #page do
      if exhausted(self) then
        return
      end
      if not self.in_hand[page[at][1]] then
        recover_entry(self, page[at], "own")
      end
      self.own_after = page[at][1]
    end
    after = #page == constants.SWEEP and self.own_after or ""
  end
  self.own_after = ""
end

local function recover_stale(self)
  local consumers = redis.call("XINFO", "CONSUMERS", stream, self.group)
  for at = 1, #consumers do
    local name, held = consumers[at][2], consumers[at][4]
    if held > 0 and name ~= self.consumer and name ~= pending.WAITING then
      local limit = math.min(self.room, self.looks) + 1
      local idle = self.loaded.lease_ms + 1
      local stale = redis.call("XPENDING", stream, self.group, "IDLE", idle, "-", "+", limit, name)
      for entry = 1, #stale do
        if exhausted(self) then
          return
        end
        recover_entry(self, stale[entry], "stale")
      end
      if #stale == limit then
        self.more = 1
      end
    end
  end
end

local function run()
  local group, consumer = args.name(ARGV[1], "group"), args.name(ARGV[2], "consumer")
  local incarnation, nonce = args.nonce(ARGV[3], "incarnation"), args.nonce(ARGV[4], "nonce")
  local max = args.int(ARGV[5], "max", 0, constants.MAX_ENTRIES)
  local scope, own_after = ARGV[6], ARGV[7]
  if scope ~= "DUE" and scope ~= "ALL" then
    args.bad("scope", scope, "wanted DUE or ALL")
  end
  if own_after ~= "" then
    args.id(own_after, "ownAfter")
  end
  if #ARGV - HEAD > MAX_IN_HAND then
    args.bad("inHand", #ARGV - HEAD, "wanted at most " .. MAX_IN_HAND .. " entry IDs and nonces")
  end
  local in_hand, on_its_way = {}, {}
  for at = HEAD + 1, #ARGV do
    if string.byte(ARGV[at]) == 64 then
      on_its_way[args.nonce(string.sub(ARGV[at], 2), "inHand")] = true
    else
      in_hand[args.id(ARGV[at], "inHand")] = true
    end
  end
  -- Not always read before they are written: see types.lua.
  redis.call("HLEN", leases)
  redis.call("ZCARD", retries)
  redis.call("XLEN", dead)
  local refusal, loaded = group_state.join(meta, state, consumer, incarnation)
  if refusal then
    return refusal
  end
  if not pending.group_exists(stream, group) then
    return { status.NOGROUP }
  end

  local self = begin(group, consumer, nonce, max, in_hand, on_its_way)
  self.loaded, self.ring = loaded, loaded.ring(processed, self.now)
  -- Whatever is written first (an XREADGROUP, XCLAIM, XACK or ZREM) does not grow, so that a server at maxmemory lets
  -- the rest pass.
  if scope == "ALL" then
    pending.be_heard(stream, group, consumer)
    sweep.clock(stream, group, retries, state, loaded, self.now)
    sweep.orphans(stream, group, leases, retries, state, self.now)
    sweep.consumers(stream, group, state, self.now)
  end
  recover_waiting(self, 0, self.now)
  recover_handed_back(self)
  if scope == "ALL" then
    recover_own(self, own_after)
    recover_stale(self)
    local existing = lowwater.group(stream, group)
    redis.call("HSET", meta, lowwater.field(group), lowwater.of(stream, existing))
  end

  local counts = self.counts
  local reply = {
    status.OK,
    pending.next_due_in(retries, self.now),
    self.now,
    self.more,
    self.alone_waits,
    self.own_after,
    counts.own,
    counts.stale,
    counts.retried,
    counts.duplicates,
    counts.dead_lettered,
    counts.trimmed,
    counts.deferred,
  }
  local head = #reply
  for at = 1, #self.leased do
    reply[head + at] = self.leased[at]
  end
  return reply
end

return args.guarded(TYPES, run)
