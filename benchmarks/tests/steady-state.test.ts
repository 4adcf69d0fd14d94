/** That round trips and batches are counted as they are written, and in the middle of a sample alone. */
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { SteadyState } from "../src/workloads/cost/steady-state.js";

const READ = "*1\r\n$10\r\nxreadgroup\r\n";
const OTHER = "*1\r\n$7\r\nevalsha\r\n";

test("a steady state is what is written between a fifth and four fifths of the events", async () => {
  const server = createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("wanted a port");
  const socket = connect(address.port, "127.0.0.1");
  await once(socket, "connect");

  const steadyState = new SteadyState();
  steadyState.begin(100);
  /** A batch of ten, and one round trip for each list of commands. */
  async function batch(...trips: readonly (readonly string[])[]): Promise<void> {
    for (const commands of trips) {
      for (const command of commands) socket.write(command);
      await nextTurn();
    }
    for (let event = 0; event < 10; event++) steadyState.handled();
  }
  // Starting takes several round trips.
  await batch([OTHER], [OTHER], [READ]);
  await batch([OTHER], [READ]);
  for (let at = 0; at < 6; at++) await batch([OTHER, OTHER, READ]);
  await batch([OTHER], [OTHER]);
  await batch([OTHER]);
  expect(steadyState.figures()).toEqual({ roundTripsPerBatch: 1, eventsPerBatch: 10 });

  // A consumer that waits for the answer to each command.
  steadyState.begin(100);
  for (let at = 0; at < 10; at++) await batch([READ], [OTHER]);
  expect(steadyState.figures()).toEqual({ roundTripsPerBatch: 2, eventsPerBatch: 10 });

  socket.destroy();
  server.close();
});
