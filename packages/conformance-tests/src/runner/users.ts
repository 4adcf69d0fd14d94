/** Users that cases and vectors make, where the run may: all are deleted at the end. */

import { uniqueName } from "@sluice/test-server";
import type { VectorUser } from "../vectors/run.js";
import type { ServerLink } from "./server.js";

const COMMANDS = [
  ..."ping eval evalsha exists hdel hget hgetall hincrby hlen hmget hscan hset memory|usage pexpireat".split(
    " ",
  ),
  ..."sadd scard smismember srem time type unlink xack xadd xclaim xdel xgroup xinfo xlen xpending".split(
    " ",
  ),
  ..."xrange xreadgroup xrevrange xtrim zadd zcard zrange zrangebyscore zrem zscore".split(" "),
];

/**
 * The rules of a user who may do all of one tenant's work, as docs/operators.md gives them: what ACL SETUSER
 * takes after name and password.
 */
export function tenantRules(tenant: string, cluster: boolean): readonly string[] {
  const commands = [...COMMANDS, ...(cluster ? ["cluster|slots"] : [])];
  return [`~tenant:{${tenant}}:*`, ...commands.map((command) => `+${command}`)];
}

/** Makes a user on every node, and a connection as that user. */
export async function userOn(link: ServerLink, rules: readonly string[]): Promise<VectorUser> {
  const name = uniqueName("user");
  for (const node of link.masters()) await node.call("ACL", "SETUSER", name, "on", `>${name}`, ...rules);
  const connection = link.connectAs(name, name);
  return {
    connection,
    async remove() {
      connection.disconnect();
      for (const node of link.masters()) await node.call("ACL", "DELUSER", name);
    },
  };
}
