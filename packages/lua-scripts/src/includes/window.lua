-- The publish window: idempotency key -> `entryId|fingerprint`, in two generations that change places every
-- `windowMs`. A key is remembered for at least the window and at most twice as long.
local chunks = require("chunks")
local constants = require("constants")
local entries = require("entries")
local trimmed = require("trimmed")

local window = {}

window.FIELDS = { "windowIndex", "windowOpenedAt", "windowWidth" }

--- The window as it stands at `now`; nothing is written until `add`. `recorded` are the values of FIELDS in `meta`.
function window.at(generations, recorded, window_ms, now)
  local index, opened_at, width = tonumber(recorded[1]), tonumber(recorded[2]), tonumber(recorded[3])
  local self = { generations = generations, window_ms = window_ms, turns = 0 }
  self.index = index or 0
  self.width = width or window_ms
  self.opened_at = math.min(opened_at or now, now)
  -- Those after the generation being filled are as long as asked now: what is published under a window that was made
  -- longer would be forgotten early if its length were taken for several turns.
  local closes_at = self.opened_at + self.width
  if closes_at <= now then
    self.turns = 1 + math.floor((now - closes_at) / window_ms)
    self.index = (self.index + self.turns) % 2
    self.opened_at = closes_at + (self.turns - 1) * window_ms
    self.width = window_ms
  end
  self.changed = self.opened_at ~= opened_at
  return self
end

local function generation(self, back)
  return self.generations[(self.index + back) % 2 + 1]
end

-- A remembered entry counts while it is in the stream, or if `trim` has dropped it, since every group has settled it
-- then. Any other is one that no group will ever be given: somebody removed it or deleted the stream, or a failover
-- lost it. Answering its ID would lose the event that comes now. Only what looks like a duplicate is asked about. A
-- stream that was deleted gives the IDs of that millisecond again, to other entries.
local function forget_removed(found, stream, meta)
  local dropped
  for key, first in pairs(found) do
    local fields = entries.read(stream, first.id)
    if not fields or fields[2] ~= key then
      dropped = dropped or trimmed.range(meta)
      if not dropped(first.id) then
        found[key] = nil
      end
    end
  end
  return found
end

--- The first entry published under each of the keys that the window remembers: its id and fingerprint, by key.
function window.published(self, stream, meta, keys)
  local found = {}
  for back = 0, 1 do
    -- Asked although it may be forgotten, since a key of another type has to be told before anything is written.
    local replies = chunks.ask("HMGET", generation(self, back), keys)
    -- After one turn the older generation is in the place that is filled next; after two, both are forgotten.
    local live = (back == 0 and self.turns == 0) or (back == 1 and self.turns <= 1)
    for at = 1, live and #keys or 0 do
      if replies[at] and not found[keys[at]] then
        local id, fingerprint = string.match(replies[at], "^([^|]*)|(.*)$")
        found[keys[at]] = { id = id, fingerprint = fingerprint }
      end
    end
  end
  return forget_removed(found, stream, meta)
end

local function expire(self, back)
  local slack = math.min(math.ceil(self.width / 10), constants.EXPIRY_SLACK_MS)
  local at = self.opened_at + self.width + (1 - back) * self.window_ms + slack
  redis.call("PEXPIREAT", generation(self, back), at)
end

local function turn(self, meta)
  if not self.changed then
    return
  end
  if self.turns > 0 then
    redis.call("UNLINK", generation(self, 0))
    if self.turns > 1 then
      redis.call("UNLINK", generation(self, 1))
    end
    expire(self, 1)
  end
  redis.call(
    "HSET",
    meta,
    "windowIndex",
    self.index,
    "windowOpenedAt",
    self.opened_at,
    "windowWidth",
    self.width
  )
  self.changed, self.turns = false, 0
end

--- Remembers (key, `entryId|fingerprint`) pairs from now on. Not the first write of a script.
function window.add(self, meta, pairs_)
  if #pairs_ > 0 then
    turn(self, meta)
    chunks.call(pairs_, 2, "HSET", generation(self, 0))
    expire(self, 0)
  end
end

return window
