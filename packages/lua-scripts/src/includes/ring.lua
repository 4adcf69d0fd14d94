-- The processed keys: a ring of SETs, each filled for a third of the TTL.
--
-- The ring is relative (index, openedAt, width in `state`), since an absolute bucket number would forget keys early
-- when the TTL changes. Bucket i is being filled; i, i-1, i-2 and i-3 are remembered; i+1 is let go. So a key is
-- remembered for at least the TTL and less than 4/3 of it and a bucket's rounding. Buckets expire by themselves too,
-- a little later than the ring lets them go: UNLINK frees a large set in the background, expiry may not, so expiry
-- is for the idle group only.
local chunks = require("chunks")
local constants = require("constants")

local ring = {}

local COUNT = constants.RING_BUCKETS
local REMEMBERED = COUNT - 1

local function bucket_width(ttl_ms)
  return math.ceil(ttl_ms / (REMEMBERED - 1))
end

local function place(self, back)
  return (self.index - back) % COUNT + 1
end

--- The ring as it stands at `now`; nothing is written until `turn`. Each bucket is asked for its size, since mostly
-- there is but one, and since a key of another type has none (types.lua).
function ring.at(buckets, recorded, ttl_ms, now)
  local self = { buckets = buckets, sizes = {}, turns = 0 }
  for at = 1, COUNT do
    self.sizes[at] = redis.call("SCARD", buckets[at])
  end
  self.index = recorded.index or 0
  self.next_width = bucket_width(ttl_ms)
  self.width = recorded.width or self.next_width
  self.opened_at = math.min(recorded.opened_at or now, now)
  -- Only the bucket being filled has the width recorded; those after it have the configured one. To take the old width
  -- for several turns would forget early what a group that then fell idle marked after its TTL was made longer.
  local closes_at = self.opened_at + self.width
  if closes_at <= now then
    local turns = 1 + math.floor((now - closes_at) / self.next_width)
    self.from = self.index
    self.turns = math.min(turns, COUNT)
    self.index = (self.index + turns) % COUNT
    self.opened_at = closes_at + (turns - 1) * self.next_width
    self.width = self.next_width
  end
  -- What the turns since the last write have emptied, though it is still in Redis.
  for turn = 1, self.turns do
    self.sizes[(self.from + turn) % COUNT + 1] = 0
  end
  self.changed = self.opened_at ~= recorded.opened_at
  return self
end

--- How many members are remembered.
function ring.count(self)
  local count = 0
  for back = 0, REMEMBERED - 1 do
    count = count + self.sizes[place(self, back)]
  end
  return count
end

--- Which of the members are remembered, as a set.
function ring.remembers(self, members)
  local found = {}
  for back = 0, REMEMBERED - 1 do
    local at = place(self, back)
    if self.sizes[at] > 0 then
      local replies = chunks.ask("SMISMEMBER", self.buckets[at], members)
      for n = 1, #members do
        if replies[n] == 1 then
          found[members[n]] = true
        end
      end
    end
  end
  return found
end

local function expire(self, back)
  local slack = math.min(math.ceil(self.width / 10), constants.EXPIRY_SLACK_MS)
  local at = self.opened_at + self.width + (REMEMBERED - 1 - back) * self.next_width + slack
  redis.call("PEXPIREAT", self.buckets[place(self, back)], at)
end

--- Writes the ring's turns, if there were any: lets go of what is forgotten, and dates what is remembered.
function ring.turn(self, state)
  if not self.changed then
    return
  end
  for turn = 1, self.turns do
    redis.call("UNLINK", self.buckets[(self.from + turn) % COUNT + 1])
  end
  if self.turns > 0 then
    redis.call("UNLINK", self.buckets[(self.index + 1) % COUNT + 1])
    for back = 1, REMEMBERED - 1 do
      expire(self, back)
    end
  end
  redis.call("HSET", state, "ringIndex", self.index, "ringOpenedAt", self.opened_at, "ringWidth", self.width)
  self.changed, self.turns = false, 0
end

--- Remembers the members from now on.
function ring.add(self, state, members)
  if #members > 0 then
    ring.turn(self, state)
    local at = place(self, 0)
    chunks.call(members, 1, "SADD", self.buckets[at])
    self.sizes[at] = self.sizes[at] + #members
    expire(self, 0)
  end
end

--- Forgets a member in every bucket.
function ring.forget(self, member)
  for at = 1, COUNT do
    redis.call("SREM", self.buckets[at], member)
  end
end

return ring
