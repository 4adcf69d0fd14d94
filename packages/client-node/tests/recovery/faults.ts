/** Connections that break on purpose: what was sent is carried out, and the reply does not arrive, or late. */
import {
  type Connection,
  ConnectionError,
  DeadlineError,
  type Request,
  type SluiceError,
} from "@sluice/core";

/** Asked before the requests are sent: from which of them on the replies are lost; undefined loses none. */
export type Fault = (requests: readonly Request[]) => number | undefined | Promise<number | undefined>;

/** The same connection, and those that it is duplicated to, with a fault. `reconnected` is what it says after a loss. */
export function faulty(
  connection: Connection,
  fault: Fault,
  how: "connection" | "deadline" = "connection",
): Connection & { reconnected(): void } {
  const listeners = new Set<() => void>();
  const reconnected = () => {
    for (const listener of listeners) listener();
  };
  return {
    reconnected,
    async send(requests, options) {
      const lostFrom = await fault(requests);
      const replies = await connection.send(requests, options);
      if (lostFrom === undefined) return replies;
      // It is ready again after whoever sent this has heard of its loss.
      if (how === "connection") setImmediate(reconnected);
      return replies.map((reply, at) => (at < lostFrom ? reply : lost(requests[at], how)));
    },
    nodes: (options) => connection.nodes(options),
    duplicate: () => faulty(connection.duplicate(), fault, how),
    onReconnect(listener) {
      listeners.add(listener);
      const stop = connection.onReconnect(listener);
      return () => {
        listeners.delete(listener);
        stop();
      };
    },
    bells: (listener) => connection.bells(listener),
    close: () => connection.close(),
  };
}

/** The same connection, and those that it is duplicated to, where replies come once `until` of their requests has. */
export function late(
  connection: Connection,
  until: (requests: readonly Request[]) => Promise<unknown> | undefined,
): Connection {
  return {
    async send(requests, options) {
      const replies = await connection.send(requests, options);
      await until(requests);
      return replies;
    },
    nodes: (options) => connection.nodes(options),
    duplicate: () => late(connection.duplicate(), until),
    onReconnect: (listener) => connection.onReconnect(listener),
    bells: (listener) => connection.bells(listener),
    close: () => connection.close(),
  };
}

/** What the request is: a script's name, or a command's. */
export function nameOf(request: Request | undefined): string {
  return request?.kind === "script" ? request.script.name : (request?.name ?? "");
}

function lost(request: Request | undefined, how: "connection" | "deadline"): SluiceError {
  const attempted = nameOf(request);
  return how === "connection"
    ? new ConnectionError({ attempted, reason: "lost on purpose", maybeExecuted: true })
    : new DeadlineError({ attempted, deadlineMs: 1, maybeExecuted: true });
}
