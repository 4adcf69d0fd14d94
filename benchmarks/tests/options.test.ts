import { describe, expect, test } from "vitest";
import { parseOptions, UsageError } from "../src/options.js";

const parse = (...args: string[]) => parseOptions(args, () => {});

describe("options", () => {
  test("a run has 7 rounds unless told otherwise, a quick one has one", () => {
    expect(parse()?.runs).toBe(7);
    expect(parse("--runs", "3")?.runs).toBe(3);
    expect(parse("--quick")?.runs).toBe(1);
  });

  test.each([
    [["--runs", "0"], /'--runs <n>' argument '0' is invalid. Wanted a whole number from 1 to 100/],
    [["--runs", "1e3"], /--runs/],
    [["--rusn", "3"], /--rusn/],
    [["more"], /too many arguments/],
    [["--redis", "localhost"], /--redis, "localhost": wanted redis:\/\/host:port/],
    [["--record", "--quick"], /--record with --quick/],
    [["--record", "--only", "publish"], /--record with --only/],
    [["--quick", "--runs", "3"], /--quick with --runs/],
  ])("%j is refused by name", (args, message) => {
    expect(() => parse(...args)).toThrow(UsageError);
    expect(() => parse(...args)).toThrow(message);
  });

  test("a password in a bad URL is not repeated", () => {
    expect(() => parse("--redis", "http://user:secret@host")).toThrow(/^(?!.*secret)/);
  });

  test("help is written, and nothing else is done", () => {
    let help = "";
    expect(parseOptions(["--help"], (text) => (help += text))).toBeUndefined();
    expect(help).toContain("--runs");
  });
});
