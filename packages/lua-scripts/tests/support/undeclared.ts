/** A script that does what it should, and also touches a key that it does not declare. */
import { createHash } from "node:crypto";
import type { ScriptCall } from "@sluice/lua-scripts";

/** The call, to a script whose first act is this Lua. */
export function preceded(call: ScriptCall, lua: string): ScriptCall {
  const source = `${lua}\n${call.script.source}`;
  const sha1 = createHash("sha1").update(source).digest("hex");
  return { ...call, script: { ...call.script, source, sha1 } };
}

/** The call, to a script that reads the key, openly or with the error it gets hidden. */
export function touching(call: ScriptCall, key: string, by: "call" | "pcall"): ScriptCall {
  return preceded(call, `redis.${by}("EXISTS", "${key}")`);
}
