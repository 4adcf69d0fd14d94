-- sluice enroll: generated from src/scripts/enroll.lua, do not edit
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
local args_bad, args_tenant, args_items, args_guarded
do
  function args_bad(field, value, wanted)
    local shown = string.gsub(string.sub(tostring(value), 1, 80), "[%z\1-\31\127-\255]", "?")
    error("SLUICE_BADARG " .. field .. " '" .. shown .. "': " .. wanted, 0)
  end
  function args_tenant(value, field)
    if
      not value
      or #value > 64
      or not string.find(value, "^[A-Za-z0-9][A-Za-z0-9._-]*$")
    then
      args_bad(
        field,
        value,
        "wanted 1 to "
          .. 64
          .. " of A-Z a-z 0-9 . _ - that start with a letter or digit"
      )
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
local chunks_call
do
  function chunks_call(values, width, command, key)
    local size = 1000 - 1000 % width
    for first = 1, #values, size do
      redis.call(command, key, unpack(values, first, math.min(first + size - 1, #values)))
    end
  end
end
local clock_now
do
  function clock_now()
    local time = redis.call("TIME")
    return time[1] * 1000 + math.floor(time[2] / 1000)
  end
end
local tenants = KEYS[1]
local TYPES = { "zset" }
local function run()
  for n = 1, args_items(1, 1) do
    args_tenant(ARGV[n], "tenant")
  end
  local now = clock_now()
  local before = redis.call("ZCARD", tenants)
  local stale = {}
  for _, tenant in ipairs(ARGV) do
    local at = tonumber(redis.call("ZSCORE", tenants, tenant))
    if not at or at <= now - 3600000 or at > now then
      stale[#stale + 1] = now
      stale[#stale + 1] = tenant
    end
  end
  chunks_call(stale, 2, "ZADD", tenants)
  return { "OK", redis.call("ZCARD", tenants) - before }
end
return args_guarded(TYPES, run)
