-- The event types that a group's consumers declare, and where an entry waits for a consumer that declares its type.
--
-- A consumer without a handler for a type may be of the version before, beside others that have one: in a rolling
-- deployment it would skip what they are there for. So `state` records for each consumer what it declares and since
-- when (`types:CONSUMER`), and for each declared type its number and how many consumers declare it (`type:TYPE`; by
-- number `numbered:N`). An entry that was handed back stands in `retries` scored by minus that number: those who
-- declare the type find it there, and nobody else looks. No number is given twice, so entries of a number that is no
-- longer recorded are of a type that nobody declares any more, and anybody's.
local chunks = require("chunks")
local constants = require("constants")

local declarations = {}

local LAST_NUMBER = "typeNumber"

local function consumer_field(consumer)
  return "types:" .. consumer
end

local function type_field(event_type)
  return "type:" .. event_type
end

local function number_field(number)
  return "numbered:" .. number
end

--- The consumer and the time since when, if a field of `state` and its value are what a consumer declares; else nil.
function declarations.by(field, value)
  local consumer = string.match(field, "^types:(.*)$")
  return consumer, consumer and tonumber(string.match(value, "^%d+"))
end

-- What `state` has under each type's field, in the order of `types`: number and count, or false.
local function recorded_of(state, types)
  local fields = {}
  for n = 1, #types do
    fields[n] = type_field(types[n])
  end
  local found = chunks.ask("HMGET", state, fields)
  for n = 1, #types do
    if found[n] then
      local number, count = string.match(found[n], "^(%d+) (%d+)$")
      found[n] = { number = number, count = tonumber(count) }
    end
  end
  return found
end

--- The types that a consumer declares, as a list and as a set; both empty if none are recorded.
function declarations.of(state, consumer)
  local list, set = {}, {}
  local recorded = redis.call("HGET", state, consumer_field(consumer))
  for event_type in string.gmatch(recorded and string.match(recorded, "^%d+ (.*)$") or "", "%S+") do
    list[#list + 1], set[event_type] = event_type, true
  end
  return list, set
end

-- Counts one consumer less for each of the types. A type that nobody declares any more is forgotten.
local function withdraw(state, types)
  for n, about in ipairs(recorded_of(state, types)) do
    if about and about.count > 1 then
      redis.call("HSET", state, type_field(types[n]), about.number .. " " .. (about.count - 1))
    elseif about then
      redis.call("HDEL", state, type_field(types[n]), number_field(about.number))
    end
  end
end

local function add(state, types)
  for n, about in ipairs(recorded_of(state, types)) do
    local number, count = about and about.number, about and about.count or 0
    if not number then
      number = (redis.call("HGET", state, LAST_NUMBER) or 0) + 1
      redis.call("HSET", state, LAST_NUMBER, number, number_field(number), types[n])
    end
    redis.call("HSET", state, type_field(types[n]), number .. " " .. (count + 1))
  end
end

local function without(types, set)
  local found = {}
  for n = 1, #types do
    if not set[types[n]] then
      found[#found + 1] = types[n]
    end
  end
  return found
end

--- Records what a consumer declares from now on, in place of what it declared before. `types` holds none twice.
function declarations.declare(state, consumer, types, now)
  local before, was = declarations.of(state, consumer)
  local is = {}
  for n = 1, #types do
    is[types[n]] = true
  end
  add(state, without(types, was))
  withdraw(state, without(before, is))
  if #types > 0 then
    redis.call(
      "HSET",
      state,
      consumer_field(consumer),
      string.format("%.0f", now) .. " " .. table.concat(types, " ")
    )
  else
    redis.call("HDEL", state, consumer_field(consumer))
  end
end

--- Forgets what a consumer declared.
function declarations.forget(state, consumer)
  local types = declarations.of(state, consumer)
  withdraw(state, types)
  redis.call("HDEL", state, consumer_field(consumer))
end

--- The number of each of the types that another consumer declares, by type.
function declarations.of_others(state, consumer, types)
  local found, own = {}, nil
  for n, about in ipairs(recorded_of(state, types)) do
    if about then
      own = own or select(2, declarations.of(state, consumer))
      if about.count > (own[types[n]] and 1 or 0) then
        found[types[n]] = about.number
      end
    end
  end
  return found
end

--- The score of entries that were handed back, by the number of their type.
function declarations.score(number)
  return -tonumber(number)
end

--- Calls `take` with the score of those handed-back entries that are this consumer's to take: of a type that it
-- declares, or that nobody does any more. `take` answers whether to go on.
function declarations.each_to_take(state, retries, consumer, take)
  local above, own = "-inf", nil
  for _ = 1, constants.MAX_TYPES do
    local first = redis.call("ZRANGEBYSCORE", retries, above, "(0", "WITHSCORES", "LIMIT", 0, 1)
    local score = first[2]
    if not score then
      return
    end
    own = own or select(2, declarations.of(state, consumer))
    local event_type = redis.call("HGET", state, number_field(-tonumber(score)))
    if (not event_type or own[event_type]) and not take(score) then
      return
    end
    above = "(" .. score
  end
end

return declarations
