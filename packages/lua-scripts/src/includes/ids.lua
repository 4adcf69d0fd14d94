-- Entry IDs, `ms-seq`: two unsigned 64-bit numbers. They stay text, since a Lua number is exact to 2^53 only.
local ids = {}

ids.UINT64_MAX = "18446744073709551615"

local function less_number(a, b)
  if #a ~= #b then
    return #a < #b
  end
  return a < b
end

function ids.split(id)
  local ms, seq = string.match(id, "^(%d+)-(%d+)$")
  return ms, seq
end

--- Whether a comes before b.
function ids.less(a, b)
  local a_ms, a_seq = ids.split(a)
  local b_ms, b_seq = ids.split(b)
  if a_ms ~= b_ms then
    return less_number(a_ms, b_ms)
  end
  return less_number(a_seq, b_seq)
end

local function decrement(digits)
  local zeros = #string.match(digits, "0*$")
  local place = #digits - zeros
  local lowered = string.sub(digits, 1, place - 1)
    .. (string.byte(digits, place) - 49)
    .. string.rep("9", zeros)
  return (string.gsub(lowered, "^0+(%d)", "%1"))
end

--- The ID just before this one; `0-0` has none and stays.
function ids.before(id)
  local ms, seq = ids.split(id)
  if seq ~= "0" then
    return ms .. "-" .. decrement(seq)
  end
  return ms == "0" and id or decrement(ms) .. "-" .. ids.UINT64_MAX
end

local function increment(digits)
  local nines = #string.match(digits, "9*$")
  local place = #digits - nines
  if place == 0 then
    return "1" .. string.rep("0", nines)
  end
  return string.sub(digits, 1, place - 1) .. (string.byte(digits, place) - 47) .. string.rep("0", nines)
end

--- The ID just after this one; the greatest has none and stays.
function ids.after(id)
  local ms, seq = ids.split(id)
  if seq ~= ids.UINT64_MAX then
    return ms .. "-" .. increment(seq)
  end
  return ms == ids.UINT64_MAX and id or increment(ms) .. "-0"
end

return ids
