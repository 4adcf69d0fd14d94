/** The kinds of arguments that scripts take: which values each refuses, and what it says that it wanted. */
import { MAX_MESSAGE_BYTES, MAX_STORED_KEY_BYTES } from "@sluice/lua-scripts";

export interface Kind {
  /** The end of the error's text. */
  readonly wanted: string;
  /** Values that are refused. */
  readonly bad: readonly string[];
}

/** What Lua's tonumber takes and we do not, what overflows, and what other parsers would let pass. */
const NOT_INTEGERS = [
  "",
  " ",
  "nan",
  "NaN",
  "-nan",
  "inf",
  "-inf",
  "Infinity",
  "-1",
  "-0",
  "+1",
  "1e3",
  "1e400",
  "-1e400",
  "1.0",
  "1.5",
  " 12 ",
  "12\n",
  "12\0",
  "012",
  "00",
  "0x10",
  "1_000",
  "1,000",
  "0b1",
  "٣",
  "abc",
  "9".repeat(16),
  "9".repeat(400),
];

export function integer(min: number, max: number): Kind {
  const below = min > 0 ? [String(min - 1)] : [];
  return {
    wanted: `wanted an integer from ${min} to ${max}`,
    bad: [...NOT_INTEGERS, ...below, String(max + 1)].filter((value) => value !== String(2 ** 53)),
  };
}

/** One of some words, which are in `wanted`. */
export function word(wanted: string): Kind {
  const numbers = ["2", "-1", "00", "01", "0x1", "true", "nan"];
  return { wanted, bad: ["", " ", ...numbers, "take", "TAKE ", "all", "OK", "success", "a".repeat(10_000)] };
}

const CONTROL_CHARACTERS = ["\0", "\x01", "\t", "\n", "\r\n", "\x1b", "\x1f", "\x7f"];

export const NAME: Kind = {
  wanted: "wanted 1 to 128 of A-Z a-z 0-9 . _ - that start with a letter or digit",
  bad: [
    "",
    " ",
    "-a",
    ".a",
    "_a",
    "/waiting",
    "a/b",
    "a b",
    "a:b",
    "a|b",
    "a*",
    "{a}",
    "%a",
    "é",
    "-LOADING data",
    "a".repeat(129),
    ...CONTROL_CHARACTERS.map((control) => `a${control}`),
  ],
};

/** A tenant. */
export const TENANT: Kind = {
  wanted: "wanted 1 to 64 of A-Z a-z 0-9 . _ - that start with a letter or digit",
  bad: [...NAME.bad, "a".repeat(65)],
};

/** An event type. */
export const TYPE: Kind = {
  wanted: "wanted 1 to 128 of A-Z a-z 0-9 . _ : - that start with a letter or digit",
  bad: NAME.bad.filter((value) => value !== "a:b").concat(":a"),
};

/** A nonce, or an incarnation. */
export const NONCE: Kind = {
  wanted: "wanted 1 to 64 of A-Z a-z 0-9 _ -",
  bad: ["", " ", "a.b", "a|b", "a b", "a/b", "é", "-LOADING data", "a".repeat(65), "a\n", "a\0"],
};

/** The same, or nothing. */
export function optional({ wanted, bad }: Kind): Kind {
  return { wanted, bad: bad.filter((value) => value !== "") };
}

const NOT_IDS = [
  " ",
  "abc",
  "-",
  "+",
  "1",
  "1-",
  "-1",
  "1-0-0",
  "-1-0",
  "1--1",
  "1-*",
  "*",
  ">",
  "(1-0",
  " 1-0",
  "1-0 ",
  "1-0\n",
  "1.0-0",
  "0x1-0",
  "1e3-0",
  "nan-0",
  "01-0",
  "1-00",
  "18446744073709551616-0",
  "0-18446744073709551616",
  "99999999999999999999-0",
  `${"1".repeat(400)}-0`,
];

export const ID: Kind = { wanted: "wanted an entry ID such as 1764000000000-0", bad: ["", "$", ...NOT_IDS] };

/** An entry ID, or `$`. */
export const START: Kind = { ...ID, bad: ["", "$$", ...NOT_IDS] };

/** A token: errors show the entry's ID in it. */
export const TOKEN: Kind = ID;

/** A token behind a valid ID that no script can have issued. */
export const ISSUED_TOKEN: Kind = {
  wanted: "wanted entryId|consumer|attempt|nonce as lease or recover issued it",
  bad: [
    "1-0",
    "1-0|",
    "1-0|c1|1",
    "1-0|c1|1|n",
    "1-0|c1|nan|n.5",
    "1-0|c1||n.5",
    "1-0|c1|1|n.",
    "1-0|c1|-1|n.5",
  ],
};

const NOT_KEYS = [
  "k".repeat(MAX_STORED_KEY_BYTES + 1),
  "é".repeat(Math.ceil(MAX_STORED_KEY_BYTES / 2)),
  ...["#", "##", "#1-0", "#k"],
  ...CONTROL_CHARACTERS,
  ...CONTROL_CHARACTERS.map((control) => `k${control}k`),
];

const KEY_WANTED = `wanted 1 to ${MAX_STORED_KEY_BYTES} bytes without control characters, not starting with #`;

export const KEY: Kind = { wanted: KEY_WANTED, bad: ["", ...NOT_KEYS] };

/** The key of a delivered entry: empty for one that carries none. */
export const ENTRY_KEY: Kind = { wanted: KEY_WANTED, bad: NOT_KEYS };

export const REASON: Kind = {
  wanted: "wanted 1 to 32 of A-Z _",
  bad: [
    "",
    " ",
    "failed",
    "Failed",
    "_FAILED",
    "FAILED ",
    "FAILED1",
    "-LOADING data",
    "A".repeat(33),
    "A\n",
    "É",
  ],
};

export const MESSAGE: Kind = {
  wanted: `wanted at most ${MAX_MESSAGE_BYTES} bytes`,
  bad: ["m".repeat(MAX_MESSAGE_BYTES + 1), "é".repeat(MAX_MESSAGE_BYTES / 2 + 1)],
};

/** Anything at all: an event or a fingerprint, which scripts never look into. */
export const OPAQUE: Kind = { wanted: "", bad: [] };

/** How an error shows a value: cut at 80 bytes, bytes that could break a line or a terminal replaced. */
export function shown(value: string): string {
  const bytes = Buffer.from(value).subarray(0, 80);
  return [...bytes].map((byte) => (byte < 32 || byte > 126 ? "?" : String.fromCharCode(byte))).join("");
}
