-- A group's low-water ID: the last one up to which it has settled everything. `meta` keeps it, so that a group that
-- is lost can be made again where it was.
local ids = require("ids")
local stream_info = require("stream")

local lowwater = {}

--- The groups that the stream has, each { name, last_delivered, pending, lag or nil }; none if there is no stream.
function lowwater.groups(stream)
  local found = {}
  local groups = stream_info.ask("GROUPS", stream) or {}
  for at = 1, #groups do
    local about = {}
    for field = 1, #groups[at], 2 do
      about[groups[at][field]] = groups[at][field + 1]
    end
    found[at] = {
      name = about["name"],
      last_delivered = about["last-delivered-id"],
      pending = about["pending"],
      lag = about["lag"] or nil,
    }
  end
  return found
end

--- One of them, or nil.
function lowwater.group(stream, name)
  local groups = lowwater.groups(stream)
  for at = 1, #groups do
    if groups[at].name == name then
      return groups[at]
    end
  end
end

--- The low-water ID of a group that the stream has. The oldest pending entry may be one that the group is still to be
-- given: where XGROUP SETID went back, or somebody claimed it by force.
function lowwater.of(stream, group)
  local oldest = redis.call("XPENDING", stream, group.name, "-", "+", 1)[1]
  local below = oldest and ids.before(oldest[1])
  return below and ids.less(below, group.last_delivered) and below or group.last_delivered
end

--- The field of `meta` that keeps it.
function lowwater.field(name)
  return "group:" .. name
end

--- The group that a field of `meta` is about, or nil.
function lowwater.group_of(field)
  return string.match(field, "^group:(.*)$")
end

--- The least low-water ID of all groups, and whose it is: of those that the stream has, and of those that `meta` has
-- registered although they are gone. Nil if there is no group.
function lowwater.least(stream, meta)
  local least, whose
  local function note(id, name)
    if not least or ids.less(id, least) then
      least, whose = id, name
    end
  end
  local live = {}
  for _, group in ipairs(lowwater.groups(stream)) do
    live[group.name] = true
    note(lowwater.of(stream, group), group.name)
  end
  local recorded = redis.call("HGETALL", meta)
  for at = 1, #recorded, 2 do
    local name = lowwater.group_of(recorded[at])
    if name and not live[name] then
      note(recorded[at + 1], name)
    end
  end
  return least, whose
end

return lowwater
