/** Payloads that a script would spoil if it read, decoded or rewrote them. */
import { randomBytes } from "node:crypto";

/** By what is special about each. */
export const PAYLOADS: Readonly<Record<string, Uint8Array>> = {
  "random bytes": randomBytes(4_096),
  "every byte there is": Uint8Array.from({ length: 256 }, (_, byte) => byte),
  "invalid UTF-8": Uint8Array.of(
    0xc3,
    0x28,
    0xff,
    0xfe,
    0xed,
    0xa0,
    0x80,
    0xf8,
    0x88,
    0x80,
    0x80,
    0x80,
    0xc0,
    0xaf,
  ),
  "2^53 + 1 as the text of a number": Buffer.from('{"n":9007199254740993,"m":-9007199254740993,"x":1e400}'),
  "JSON 1,200 deep": Buffer.from("[".repeat(1_200) + "]".repeat(1_200)),
  "empty arrays and objects": Buffer.from('{"a":[],"o":{},"__proto__":{},"n":null}'),
  "NUL bytes": Buffer.from("\0a\0\0b\0"),
  "line breaks of the protocol": Buffer.from("\r\n$5\r\nhello\r\n*1\r\n"),
  "no bytes at all": new Uint8Array(),
  "1 MiB": randomBytes(1_048_576),
};
