/** A network over which replies come at so many bytes a second, a little at a time. */
import { once } from "node:events";
import net from "node:net";
import { onTestFinished } from "vitest";

/** How often a little of a reply arrives, in milliseconds. */
const EVERY_MS = 20;

/** In front of the server with this URL, until the test ends. Returns the URL by which clients get to it. */
export async function slowNetwork(target: string, bytesPerSecond: number): Promise<string> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<net.Socket>();
  const pumps = new Set<ReturnType<typeof setInterval>>();
  const server = net.createServer((near) => {
    const far = net.connect(Number(port), hostname);
    let kept: Buffer[] = [];
    // A server whose reader is slow keeps the rest of the reply itself, and its limits apply.
    const pump = setInterval(() => {
      const all = Buffer.concat(kept);
      const size = Math.ceil((bytesPerSecond * EVERY_MS) / 1_000);
      near.write(all.subarray(0, size));
      kept = all.length > size ? [all.subarray(size)] : [];
      if (kept.length === 0) far.resume();
    }, EVERY_MS);
    pumps.add(pump);
    near.on("data", (chunk) => far.write(chunk));
    far.on("data", (chunk) => {
      kept.push(chunk);
      far.pause();
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        clearInterval(pump);
        other.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
    for (const pump of pumps) clearInterval(pump);
    for (const socket of sockets) socket.destroy();
  });
  return `redis://127.0.0.1:${(server.address() as net.AddressInfo).port}`; // it listens on TCP
}
