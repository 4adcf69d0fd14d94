/** A network that loses the reply to a request of one's choice: the server has carried it out, and nobody is told. */
import { once } from "node:events";
import net from "node:net";
import { onTestFinished } from "vitest";

export class LossyNetwork {
  /** How many replies were lost. */
  lost = 0;
  private toLose:
    | {
        readonly marker: string;
        readonly times: number;
        readonly thenSilent: boolean;
        readonly thenDeaf: boolean;
      }
    | undefined;
  private silent = false;
  /** Raised when connections are forgotten: those made before belong to a former one. */
  private era = 0;

  private constructor(
    /** By which clients get to the server through this network. */
    readonly url: string,
  ) {}

  /** In front of the server with this URL, until the test ends. */
  static async to(target: string): Promise<LossyNetwork> {
    const { hostname, port } = new URL(target);
    const sockets = new Set<net.Socket>();
    const server = net.createServer((near) =>
      network.join(near, net.connect(Number(port), hostname), sockets),
    );
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const network = new LossyNetwork(`redis://127.0.0.1:${(address as net.AddressInfo).port}`); // it listens on TCP
    onTestFinished(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    return network;
  }

  /**
   * Loses the replies to the next requests that have the text in them, and the connection with each. `thenSilent`: nothing
   * passes afterwards. `thenDeaf`: connections stay, and whoever has one may still send, but hears no more.
   */
  lose(marker: string, { times = 1, thenSilent = false, thenDeaf = false } = {}): void {
    this.toLose = { marker, times, thenSilent, thenDeaf };
  }

  /** From now on nothing passes on the connections that there are, and nobody is told; new ones work. */
  forget(): void {
    this.era += 1;
  }

  private join(near: net.Socket, far: net.Socket, sockets: Set<net.Socket>): void {
    let losing = false;
    let deaf = false;
    const { era } = this;
    near.on("data", (chunk) => {
      if (this.silent || era !== this.era) return;
      const { toLose } = this;
      if (toLose !== undefined && chunk.includes(toLose.marker)) {
        losing = true;
        deaf = toLose.thenDeaf;
        const times = toLose.times - 1;
        this.toLose = times > 0 ? { ...toLose, times } : undefined;
        this.silent = times === 0 && toLose.thenSilent;
      }
      far.write(chunk);
    });
    far.on("data", (chunk) => {
      if (era !== this.era) return;
      if (!losing) {
        near.write(chunk);
        return;
      }
      this.lost += 1;
      if (deaf) return;
      losing = false;
      near.destroy();
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
