-- What each process may have begun of what was leased to it. A token alone is a grant: a run counts as an attempt only
-- if its process has had the reply that brought the token. Each process records that in `state`, before it begins
-- anything of the reply, as `high;unheard;suspect`: calls up to this number count as begun; except those of these
-- numbers, separated by commas, whose reply is late or lost; and the entry that it runs as a suspect, or `-` while
-- another consumer in the process runs one, or nothing.
local constants = require("constants")
local tokens = require("tokens")

local begun = {}

local PREFIX = "begun:"

--- Where `state` keeps the record of a process.
function begun.field(consumer, incarnation)
  return PREFIX .. consumer .. "/" .. incarnation
end

--- The consumer and the incarnation that a field of `state` is the record of, or nil.
function begun.whose(field)
  return string.match(field, "^begun:([^/]*)/(.*)$")
end

local function parts(record)
  local high, unheard, suspect = string.match(record or "", "^(%d+);([%d,]*);(.*)$")
  return tonumber(high), "," .. (unheard or "") .. ",", suspect
end

--- Whether the run that the token stands for has used up an attempt, now that it is over and nobody settled it: it may
-- have begun, and no suspect that ran beside it in the process is to blame for its end.
function begun.counts(state, token)
  local consumer, incarnation, call = tokens.issued_by(token)
  if not consumer then
    return false
  end
  local high, unheard, suspect = parts(redis.call("HGET", state, begun.field(consumer, incarnation)))
  if not high or tonumber(call) > high or string.find(unheard, "," .. call .. ",", 1, true) then
    return false
  end
  return suspect == "" or suspect == tokens.entry(token)
end

--- The entry that the process runs as a suspect, or nil.
function begun.suspect(state, consumer, incarnation)
  local _, _, suspect = parts(redis.call("HGET", state, begun.field(consumer, incarnation)))
  return suspect
end

--- Forgets every record of a consumer that is removed.
function begun.forget(state, consumer)
  local cursor = "0"
  repeat
    local page = redis.call("HSCAN", state, cursor, "COUNT", constants.MAX_ENTRIES)
    for at = 1, #page[2], 2 do
      if begun.whose(page[2][at]) == consumer then
        redis.call("HDEL", state, page[2][at])
      end
    end
    cursor = page[1]
  until cursor == "0"
end

return begun
