-- Time is the server's, never a client's.
local clock = {}

--- Milliseconds since 1970 by the server's clock.
function clock.now()
  local time = redis.call("TIME")
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

return clock
