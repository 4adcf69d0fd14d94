-- How attempts ended, as `settle` is told it.
local args = require("args")
local constants = require("constants")
local marks = require("marks")
local status = require("status")
local tokens = require("tokens")

local endings = {}

--- How most attempts end: with a success that emits nothing. One value for all of them, since a table for each costs
-- as much as acknowledging it.
endings.PLAIN = { outcome = status.SUCCESS, emits = {} }

--- How an attempt ends whose token is not the current one: whatever it asked for, nothing is done for it.
endings.FENCED = { outcome = status.FENCED }

--- How an attempt ends at which there is nothing to handle.
endings.SKIPPED = { outcome = status.SKIP }

local function emits_from(at)
  local count = args.int(ARGV[at], "emits", 0, constants.MAX_EMITS)
  local emits = {}
  for n = 1, count do
    local key, event, fingerprint = ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
    if not fingerprint then
      args.bad("ARGV", #ARGV, "wanted three values for each of " .. count .. " emitted events")
    end
    emits[n] = { key = args.key(key, "emitted key"), event = event, fingerprint = fingerprint }
    at = at + 3
  end
  return emits, at + 1
end

-- How the attempt at ARGV[at] ended, and where the next one begins.
local function ending_from(at)
  local outcome = ARGV[at]
  if outcome == status.SUCCESS then
    if ARGV[at + 3] == "0" then
      return endings.PLAIN, at + 4
    end
    local emits, after = emits_from(at + 3)
    return { outcome = outcome, emits = emits }, after
  elseif outcome == status.SKIP then
    return endings.SKIPPED, at + 3
  elseif outcome == status.UNHANDLED then
    local event_type = args.event_type(ARGV[at + 3], "type")
    return { outcome = outcome, event_type = event_type, message = args.text(ARGV[at + 4], "message") },
      at + 5
  elseif outcome == status.RETRY then
    local delay_ms = args.int(ARGV[at + 3], "delayMs", 0, constants.MAX_SPAN_MS)
    return { outcome = outcome, delay_ms = delay_ms, message = args.text(ARGV[at + 4], "message") }, at + 5
  elseif outcome == status.FAILURE then
    local reason = ARGV[at + 3]
    if not reason or not string.find(reason, "^[A-Z][A-Z_]*$") or #reason > 32 then
      args.bad("reason", reason, "wanted 1 to 32 of A-Z _")
    end
    return { outcome = outcome, reason = reason, message = args.text(ARGV[at + 4], "message") }, at + 5
  end
  args.bad("outcome", outcome, "wanted SUCCESSES, SUCCESS, SKIP, UNHANDLED, RETRY or FAILURE")
end

--- The attempts from ARGV[at] on: of the n-th its ending, key, entry ID, token and what its key is held as.
function endings.from(at)
  local ended, keys, ids, issued, held_as, count = {}, {}, {}, {}, {}, 0
  while ARGV[at] do
    if ARGV[at] == status.SUCCESSES then
      local tail = args.text(ARGV[at + 1], "tail")
      local upto = count + args.int(ARGV[at + 2], "successes", 1, constants.MAX_ENTRIES)
      at = at + 3
      for n = count + 1, upto do
        local key, id = ARGV[at], ARGV[at + 1] or args.id(nil, "entry_id")
        ended[n], keys[n], ids[n], issued[n] = endings.PLAIN, key, id, id .. tail
        held_as[n] = marks.of_key(key, id)
        at = at + 2
      end
      count = upto
    else
      local key, token = ARGV[at + 1], ARGV[at + 2]
      count = count + 1
      ended[count], at = ending_from(at)
      keys[count], issued[count], ids[count] = key, token, tokens.entry(token or args.id(nil, "token"))
      held_as[count] = marks.of_key(key, ids[count])
    end
    if count > constants.MAX_ENTRIES then
      args.bad("attempts", count, "wanted at most " .. constants.MAX_ENTRIES)
    end
  end
  if count == 0 then
    args.bad("attempts", 0, "wanted 1 to " .. constants.MAX_ENTRIES)
  end
  return { endings = ended, keys = keys, ids = ids, tokens = issued, held_as = held_as }
end

return endings
