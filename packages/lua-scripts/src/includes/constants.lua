local constants = {
  --- The protocol (key layout, script arguments, replies) that these scripts speak, kept in `meta`.
  PROTOCOL = 1,
  --- Most entries one script call takes.
  MAX_ENTRIES = 1000,
  --- Most values handed to one variadic command; Lua's stack bounds `unpack` at about 8,000.
  CHUNK = 1000,
  --- Longest name of an event type, in bytes.
  MAX_TYPE_BYTES = 128,
  --- Most event types that one consumer may declare.
  MAX_TYPES = 1000,
  --- Longest idempotency key that a publisher may give an event, in bytes.
  MAX_KEY_BYTES = 256,
  --- Longest key as it is stored, in bytes: the event's type, a colon, and the publisher's key.
  MAX_STORED_KEY_BYTES = 385,
  --- Longest reason or message a settle call may carry, in bytes.
  MAX_MESSAGE_BYTES = 4096,
  --- Most bytes of fields that one recovery may be asked for: what Redis takes as one value at most.
  MAX_BYTES = 536870912,
  --- Most events one handled event may emit.
  MAX_EMITS = 1000,
  --- Longest span of time a setting may ask for, in milliseconds: ten years.
  MAX_SPAN_MS = 315360000000,
  --- Most attempts a group may be given.
  MAX_ATTEMPTS = 1000,
  --- Processed buckets in the ring: the one being filled, three that are remembered, one that is let go.
  RING_BUCKETS = 5,
  --- Longest time that a key outlives its last use so that UNLINK comes before expiry, in milliseconds.
  EXPIRY_SLACK_MS = 60000,
  --- Shortest wait before an entry whose key another entry holds is looked at again, in milliseconds.
  DEFER_MIN_MS = 25,
  --- Longest wait before an entry whose key another entry holds is looked at again, in milliseconds.
  DEFER_MAX_MS = 5000,
  --- A lease clock that has run for less than one part in this many of the lease is not restarted.
  LEASE_PARTS = 100,
  --- Leases, waiting entries and consumers that one recovery sweeps for orphans.
  SWEEP = 100,
  --- Most groups that one call of `info` describes: more take several calls, so that none holds up the server.
  INFO_GROUPS = 100,
  --- How long a group that lost entries is reported as degraded, in milliseconds: a day.
  LOSS_SHOWN_MS = 86400000,
  --- A consumer that the group does not have is forgotten this long after it opened the group, in milliseconds.
  ABSENT_MS = 60000,
  --- Longest name of a tenant, in bytes.
  MAX_TENANT_BYTES = 64,
  --- A tenant that was enrolled this long ago is written again when it publishes, in milliseconds: an hour.
  ENROLLED_MS = 3600000,
  --- A worker whose last beat is older than this is no peer any more, in milliseconds.
  BEAT_MS = 10000,
  --- A tenant asks for help until this long after its listener last said so, in milliseconds.
  HELP_MS = 1500,
  --- Most tenants that one beat is told of as asking for help.
  MAX_HELP = 100,
}
return constants
