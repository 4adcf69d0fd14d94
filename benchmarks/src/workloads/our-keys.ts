/** Where ours keeps what belongs to a stream and one of its groups, as docs/internals/protocol.md has it, without a tenant. */

export function ourKeys(stream: string, group: string) {
  const ofGroup = (name: string) => `{${stream}}/${group}/${name}`;
  return {
    stream,
    meta: `{${stream}}/meta`,
    /** The generation of the publish window that a new stream fills. */
    published: `{${stream}}/published.0`,
    /** The bucket of processed keys that a new group fills. */
    processed: ofGroup("processed.0"),
    leases: ofGroup("leases"),
    retries: ofGroup("retries"),
    dead: ofGroup("dead"),
    state: ofGroup("state"),
  } as const;
}
