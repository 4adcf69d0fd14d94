--- recover: take back what is due, and lease it.
--
-- In this order: waiting entries that are due; entries that others have handed back, of a type that this consumer
-- declares or that no consumer of the group does any more; the consumer's own pending entries, except those its process
-- names as in hand (after a restart or a cut connection Redis knows of entries that the process does not); entries of
-- other consumers that are stale, idle for longer than the lease. What must run is leased and returned whole. What was
-- processed is acknowledged; what was attempted too often is dead-lettered; what was trimmed away is counted; an entry
-- whose key another pending entry holds waits again.
--
-- The attempt's number goes up here only for a run that a process has begun and not settled: then the process died, or
-- was stopped past its lease, while it handled the entry. A token of the entry shows that it was granted; the record of
-- the token's process in `state`, that the process had the reply, and so may have begun. Without that it is the same
-- attempt: so it is for what one of the caller's own calls was granted and the caller does not name as in hand.
--
-- An entry whose run died and whose next attempt is the last one becomes a suspect. It waits, not due by time, until a
-- process asks for one (scope SUSPECT), which then runs nothing else that is fresh. While a process runs a suspect, its
-- record names it, and what the process dies of is counted to the suspect alone.
--
-- Stale entries are walked per consumer, since XAUTOCLAIM would also take the waiting ones early. History is never
-- read, since that raises the count.
--
-- Others may take entries away from the group. What they took out of the pending entries list (XCLAIM or XAUTOCLAIM of
-- waiting entries, XGROUP DELCONSUMER, XACK) is put back, unless the ring remembers that it was settled; a waiting
-- entry that was claimed waits again until it is due. What cannot be put back (XTRIM, XDEL, XGROUP SETID, a stream that
-- was deleted) is counted as trimmed, once, and recorded for `info`: see balance.lua.
--
-- With scope ALL it also shows that the consumer is alive, sweeps a bounded number of orphans (tokens whose entry is
-- not pending, waiting entries without a due time, due times whose entry does not wait, records of processes and
-- consumers that are gone), compares the group's balance with the last one, notes the group's low-water ID, and, when
-- the server's clock has gone back by more than a lease, restarts the lease clocks and moves the due times, so that
-- work does not stop for the size of the jump.
--
-- @key   stream          STREAM
-- @key   meta            HASH    protocol, low-water IDs
-- @key   leases          HASH    idempotency key -> token
-- @key   processed.0..4  SET     ring of processed keys
-- @key   retries         ZSET    waiting entries by due time
-- @key   dead            STREAM  dead letters
-- @key   state           HASH    group settings, ring, incarnations, what each has begun, declared types, cursors, last
--                        server time, balance, losses
-- @arg   group           string
-- @arg   consumer        string
-- @arg   incarnation     string  which process goes by the consumer's name
-- @arg   nonce           string  the incarnation, `_` and the number of the process's call, 1 to 64 of A-Z a-z 0-9 _ -
-- @arg   max             integer entries to lease at most, 0..1000
-- @arg   maxBytes        integer lease no more once the fields returned take this many bytes, 1..536870912
-- @arg   scope           DUE | ALL | SUSPECT: waiting entries that are due; everything; or one suspect alone
-- @arg   ownAfter        entry ID: own pending entries after it; empty skips them
-- @arg   inHand          what the process has in hand, 0..10000 of: an entry ID; @ and a nonce, for what a call with
--                        that nonce has leased whose reply is on its way to it
-- @reply OK, milliseconds until the next waiting entry is due (-1: none waits), now in milliseconds,
--        1 if there is more to recover else 0, number of suspects that wait (100 at most), the last own
--        entry looked at (empty: all of them), own, stale, retried, duplicates, deadLettered, trimmed, deferred as
--        counts,
--        then per leased entry: token, 1 if it is a suspect else 0, number of values, then its fields and values
-- @reply PROTOCOL, found
-- @reply WRONGTYPE, key, found, wanted
-- @reply NOGROUP
-- @reply SUPERSEDED
-- @error SLUICE_BADARG      a caller's bug; nothing was written
-- @invariant a waiting entry is not taken before its due time
-- @invariant a key is LEASED to one entry at a time
-- @cost  O(N) in the entries looked at, at most 1,000, plus O(C) in the group's consumers; once after entries have gone
--        missing, at most 10,000 tokens, as many waiting entries and 1,000 of the stream
-- @since protocol 1
local args = require("args")
local balance = require("balance")
local begun = require("begun")
local clock = require("clock")
local constants = require("constants")
local dead_letters = require("dead")
local declarations = require("declarations")
local deferral = require("deferral")
local entries = require("entries")
local group_state = require("group")
local ids = require("ids")
local marks = require("marks")
local pending = require("pending")
local restore = require("restore")
local ring = require("ring")
local status = require("status")
local stream_info = require("stream")
local sweep = require("sweep")
local tokens = require("tokens")

local stream, meta, leases = KEYS[1], KEYS[2], KEYS[3]
local processed = { KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8] }
local retries, dead, state = KEYS[9], KEYS[10], KEYS[11]
local TYPES = { "stream", "hash", "hash", "set", "set", "set", "set", "set", "zset", "stream", "hash" }
local HEAD, MAX_IN_HAND = 8, 10000

local CRASHED = "the consumer died, or was stopped past its lease, during every attempt"

-- One recovery: what it looks with, how much it may still lease and look at, and what it has found.
local function begin(group, consumer, incarnation, nonce, max, max_bytes)
  return {
    group = group,
    consumer = consumer,
    incarnation = incarnation,
    nonce = nonce,
    now = clock.now(),
    room = max,
    bytes = max_bytes,
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
  if self.room > 0 and self.bytes > 0 and self.looks > 0 then
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

local function lease(self, id, held_as, attempt, first_ms, is_suspect, fields, count)
  local token = tokens.make(id, self.consumer, attempt, self.nonce, first_ms)
  pending.take(stream, self.group, self.consumer, id, attempt)
  redis.call("HSET", leases, held_as, token)
  if count == "retried" then
    redis.call("ZREM", retries, id)
  end
  self.in_hand[id] = true
  local leased = self.leased
  leased[#leased + 1] = token
  leased[#leased + 1] = is_suspect and 1 or 0
  leased[#leased + 1] = #fields
  for at = 1, #fields do
    leased[#leased + 1] = fields[at]
    self.bytes = self.bytes - #fields[at]
  end
  self.room = self.room - 1
  self.counts[count] = self.counts[count] + 1
end

-- Whether the run with this token has used up an attempt. What was granted to the caller, and is not in its hands,
-- never began.
local function died(self, token)
  local consumer, incarnation = tokens.issued_by(token)
  local is_mine = consumer == self.consumer and incarnation == self.incarnation
  return not is_mine and begun.counts(state, token)
end

local function bury(self, id, held_as, attempts, first_ms, fields)
  if not stream_info.has_room(stream_info.last_id(dead)) then
    -- It stays pending, as it is, until an operator has made room for its letter.
    self.has_left = true
    return
  end
  redis.call("XACK", stream, self.group, id)
  redis.call("ZREM", retries, id)
  redis.call("HDEL", leases, held_as)
  ring.add(self.ring, state, { marks.of_entry(id) })
  dead_letters.write(dead, self.now, {
    id = id,
    reason = status.MAX_ATTEMPTS,
    message = CRASHED,
    attempts = attempts,
    first_ms = first_ms,
  }, self.group, fields)
  self.counts.dead_lettered = self.counts.dead_lettered + 1
end

-- Judges one pending entry; `about` is what XPENDING says of it, `count` what it counts as if it is leased. A suspect
-- is leased only where one was asked for.
local function recover_entry(self, about, count, wants_suspect)
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
  local was_granted = token and tokens.entry(token) == id
  if was_granted and self.on_its_way[tokens.nonce(token)] then
    return nil
  end
  -- While an entry waits, its clock holds the time of its first delivery.
  local first_ms = self.now - about[3]
  if was_granted then
    if died(self, token) then
      attempt = attempt + 1
    end
    local _, token_first_ms = tokens.history(token)
    first_ms = token_first_ms or first_ms
  else
    local holder = deferral.holder(stream, self.group, token, id)
    if holder and wants_suspect then
      return nil
    elseif holder then
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
  local max_attempts = self.loaded.max_attempts
  if attempt > max_attempts then
    return bury(self, id, held_as, attempt - 1, first_ms, fields)
  end
  if was_granted and attempt == max_attempts and attempt > 1 then
    redis.call("HDEL", leases, held_as)
    return pending.park(stream, self.group, retries, id, attempt, first_ms, pending.SUSPECT)
  end
  return lease(self, id, held_as, attempt, first_ms, wants_suspect, fields, count)
end

-- Waiting entries with a score in this range; answers whether there is room for more.
local function recover_waiting(self, from, to, wants_suspect)
  local waiting = redis.call("ZRANGEBYSCORE", retries, from, to, "LIMIT", 0, constants.MAX_ENTRIES)
  for at = 1, #waiting do
    if exhausted(self) then
      return false
    end
    local about = pending.entry(stream, self.group, waiting[at])
    if not about or about[2] ~= pending.WAITING then
      about = restore.waiting(self.scene, waiting[at], about)
    end
    if about then
      recover_entry(self, about, "retried", wants_suspect)
    else
      self.looks = self.looks - 1
    end
  end
  if #waiting == constants.MAX_ENTRIES then
    self.more = 1
  end
  return true
end

local function recover_handed_back(self)
  declarations.each_to_take(state, retries, self.consumer, function(score)
    return recover_waiting(self, score, score, false)
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
  local max_bytes = args.int(ARGV[6], "maxBytes", 1, constants.MAX_BYTES)
  local scope, own_after = ARGV[7], ARGV[8]
  if scope ~= "DUE" and scope ~= "ALL" and scope ~= "SUSPECT" then
    args.bad("scope", scope, "wanted DUE, ALL or SUSPECT")
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

  local self = begin(group, consumer, incarnation, nonce, max, max_bytes)
  self.in_hand, self.on_its_way = in_hand, on_its_way
  self.loaded, self.ring = loaded, loaded.ring(processed, self.now)
  self.scene = {
    stream = stream,
    meta = meta,
    group = group,
    leases = leases,
    retries = retries,
    state = state,
    ring = self.ring,
    ttl_ms = loaded.ttl_ms,
    now = self.now,
  }
  -- Whatever is written first (an XREADGROUP, XCLAIM, XACK or ZREM) does not grow, so that a server at maxmemory lets
  -- the rest pass.
  if scope == "ALL" then
    pending.be_heard(stream, group, consumer)
    sweep.clock(stream, group, retries, state, loaded, self.now)
    sweep.orphans(self.scene)
    sweep.consumers(stream, group, state, self.now)
  end
  if scope == "SUSPECT" then
    self.room = math.min(self.room, 1)
    recover_waiting(self, pending.SUSPECTS_FROM, "+inf", true)
    self.more = 0
  else
    recover_waiting(self, 0, self.now, false)
    recover_handed_back(self)
  end
  if scope == "ALL" then
    recover_own(self, own_after)
    local saw_all = own_after == "0-0" and self.own_after == "" and not self.has_left
    sweep.records(stream, group, state, saw_all and consumer or nil)
    recover_stale(self)
  end
  local counts = self.counts
  balance.settled(state, counts.duplicates + counts.trimmed + counts.dead_lettered)
  if counts.trimmed > 0 then
    balance.lose(state, counts.trimmed, nil, false, self.now)
  end
  if scope == "ALL" then
    counts.trimmed = counts.trimmed + sweep.losses(self.scene)
  end

  local reply = {
    status.OK,
    pending.next_due_in(retries, self.now),
    self.now,
    self.more,
    pending.suspects(retries),
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
