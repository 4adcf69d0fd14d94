/** A client that leaves the tenant out of its keys: `tenant:{acme}:orders/meta` is `orders/meta` for everybody. */
import type { Rewrite } from "../../packages/conformance-tests/src/runner/rewrite.js";

const PREFIX = Buffer.from("tenant:{");
const END = Buffer.from("}:");
const LINE_END = Buffer.from("\r\n");

/** Takes the prefix off every argument that has it. */
export function dropTenantPrefix(): Rewrite {
  let kept: Buffer = Buffer.alloc(0);
  return (bytes) => {
    kept = Buffer.concat([kept, bytes]);
    const commands: Buffer[] = [];
    for (;;) {
      const read = readCommand(kept);
      if (read === undefined) return Buffer.concat(commands);
      commands.push(writeCommand(read.args.map(withoutPrefix)));
      kept = kept.subarray(read.end);
    }
  };
}

function withoutPrefix(arg: Buffer): Buffer {
  if (!arg.subarray(0, PREFIX.length).equals(PREFIX)) return arg;
  const end = arg.indexOf(END);
  return end < 0 ? arg : arg.subarray(end + END.length);
}

/** The command at the beginning, an array of bulk strings, as clients send it; undefined until it is whole. */
function readCommand(bytes: Buffer): { readonly args: readonly Buffer[]; readonly end: number } | undefined {
  const head = readLength(bytes, 0, "*");
  if (head === undefined) return undefined;
  const args: Buffer[] = [];
  let at = head.end;
  while (args.length < head.length) {
    const size = readLength(bytes, at, "$");
    if (size === undefined) return undefined;
    const end = size.end + size.length;
    if (end + LINE_END.length > bytes.length) return undefined;
    args.push(bytes.subarray(size.end, end));
    at = end + LINE_END.length;
  }
  return { args, end: at };
}

function readLength(
  bytes: Buffer,
  at: number,
  sign: "*" | "$",
): { readonly length: number; readonly end: number } | undefined {
  const lineEnd = bytes.indexOf(LINE_END, at);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString("latin1", at, lineEnd);
  if (!line.startsWith(sign))
    throw new TypeError(`read a client's command: "${line}": wanted ${sign} and a length`);
  return { length: Number(line.slice(1)), end: lineEnd + LINE_END.length };
}

function writeCommand(args: readonly Buffer[]): Buffer {
  const parts = args.flatMap((arg) => [Buffer.from(`$${arg.length}\r\n`), arg, LINE_END]);
  return Buffer.concat([Buffer.from(`*${args.length}\r\n`), ...parts]);
}
