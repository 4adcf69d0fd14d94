/** open, for an ACL user: what it may not run is named before anything is written. */
import {
  extendScript,
  leaseScript,
  openScript,
  recoverScript,
  releaseScript,
  settleScript,
} from "@sluice/lua-scripts";
import { startServer, uniqueName } from "@sluice/test-server";
import type { Redis } from "ioredis";
import { describe, expect, test } from "vitest";
import { commandOf, noting } from "./support/call-sites.js";
import { TestGroup } from "./support/group.js";
import { travel } from "./support/journey.js";
import { connect, run } from "./support/redis.js";
import { unchanged } from "./support/snapshot.js";

describe("permissions", () => {
  const atWork = [openScript, leaseScript, settleScript, recoverScript, extendScript, releaseScript];

  /** The commands that a consumer's scripts have run once they have taken every path. */
  async function commandsAtWork(admin: Redis): Promise<readonly string[]> {
    const hash = uniqueName("commands");
    await travel(admin, (call) => run(admin, { ...call, script: noting(call.script, hash) }), {});
    const names = (await admin.hkeys(hash)).flatMap((noted) => {
      return atWork.flatMap((script) => {
        const prefix = commandOf(script, "");
        return noted.startsWith(prefix) ? [noted.slice(prefix.length).toLowerCase()] : [];
      });
    });
    // Where the server does not tell how large a stream is, fewer entries are read to count a lag.
    return [...new Set(names)].filter((name) => name !== "memory");
  }

  test("that a consumer at work needs and the user has not are missed by name, before anything is written", async (context) => {
    await using server = await startServer();
    const admin = connect(server.url);
    const canTell = await admin.eval("return redis.acl_check_cmd and 1 or 0", 0);
    if (canTell !== 1) context.skip("servers before 7.0 cannot be asked what a user may do");
    const commands = await commandsAtWork(admin);
    expect(commands.length).toBeGreaterThan(20);
    const group = new TestGroup(admin);
    await group.add("a");
    await unchanged(admin, group.allKeys, async () => {
      for (const command of commands) {
        await admin.acl("SETUSER", command, "on", ">secret", "~*", "+@all", `-${command}`);
        const user = connect(server.url, { username: command, password: "secret" });
        expect(await run(user, group.openCall()).catch(String), command).toEqual(["NOPERM", command]);
        user.disconnect();
      }
    });
    admin.disconnect();
  });
});
