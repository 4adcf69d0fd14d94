-- Every script that writes first asks which protocol the stream was written with.
local constants = require("constants")
local status = require("status")

local protocol = {}

protocol.CURRENT = tostring(constants.PROTOCOL)

--- A refusal if `meta` records another protocol; nothing recorded is a stream that is new.
function protocol.refusal(recorded)
  if recorded and recorded ~= protocol.CURRENT then
    return { status.PROTOCOL, recorded }
  end
end

return protocol
