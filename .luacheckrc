-- What a script may use: Lua 5.1 as Redis opens it, and no name of its own outside of locals. `require` is
-- resolved by the bundler; only what Redis 6.2 has is listed, so that anything newer needs a probe that says
-- so.
std = {
  read_globals = {
    "ARGV",
    "KEYS",
    "_VERSION",
    "assert",
    "error",
    "getmetatable",
    "ipairs",
    "next",
    "pairs",
    "pcall",
    "rawequal",
    "rawget",
    "rawset",
    "require",
    "select",
    "setmetatable",
    "tonumber",
    "tostring",
    "type",
    "unpack",
    "xpcall",
    bit = {
      fields = {
        "arshift", "band", "bnot", "bor", "bswap", "bxor", "lshift", "rol", "ror", "rshift", "tobit", "tohex",
      },
    },
    cjson = { fields = { "decode", "encode", "null" } },
    cmsgpack = { fields = { "pack", "unpack", "unpack_limit", "unpack_one" } },
    math = {
      -- No random: a script says the same thing whenever it is asked the same.
      fields = { "abs", "ceil", "floor", "fmod", "huge", "max", "min", "modf" },
    },
    redis = {
      fields = {
        "LOG_DEBUG",
        "LOG_NOTICE",
        "LOG_VERBOSE",
        "LOG_WARNING",
        -- Since 7.0: used behind a probe for nil.
        "acl_check_cmd",
        "call",
        "error_reply",
        "log",
        "pcall",
        "sha1hex",
        "status_reply",
      },
    },
    string = {
      fields = {
        "byte", "char", "find", "format", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub",
        "upper",
      },
    },
    struct = { fields = { "pack", "size", "unpack" } },
    table = { fields = { "concat", "insert", "maxn", "remove", "sort" } },
  },
}
max_line_length = 110
max_comment_line_length = 120
max_cyclomatic_complexity = false
unused = true
redefined = true
exclude_files = { "**/generated/**", "**/snapshots/**", "**/fixtures/**" }
