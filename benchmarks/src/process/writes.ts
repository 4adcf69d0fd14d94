/** Tells what this process writes to its sockets. */

import { Socket } from "node:net";

export type WriteListener = (socket: Socket, data: unknown) => void;

/** Calls `listener` before anything is written to any socket, from now on. */
export function onWrite(listener: WriteListener): void {
  const { write } = Socket.prototype;
  function told(this: Socket, ...args: Parameters<typeof write>): boolean {
    listener(this, args[0]);
    return write.apply(this, args);
  }
  // Parameters<> gives the last overload alone; whatever comes is passed on as it is.
  Socket.prototype.write = told as typeof write;
}
