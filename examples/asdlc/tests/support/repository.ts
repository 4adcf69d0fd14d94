/**
 * Git repositories to read: made in a temporary folder by git fast-import, thousands of commits in a moment.
 */
import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export interface CommitSpec {
  readonly message?: string | Buffer;
  readonly name?: string | Buffer;
  readonly email?: string;
  /** Seconds since 1970; a minute after the commit before unless given. */
  readonly committedAtS?: number;
  /** The same as `committedAtS` unless given. */
  readonly authoredAtS?: number;
  /** Paths to change; one that is different for each commit unless given. */
  readonly paths?: readonly (string | Buffer)[];
  /** Positions in the list; the commit before unless given. */
  readonly parents?: readonly number[];
  /** What the commit says its message is written in. */
  readonly encoding?: string;
}

const FIRST_COMMIT_AT_S = 1_700_000_000;

/** An empty folder, removed at the end of the test. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-asdlc-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * A repository with these commits on `main`, which is checked out as far as HEAD goes. Removed with the test.
 */
export async function repositoryOf(commits: readonly CommitSpec[]): Promise<string> {
  const folder = await temporaryFolder();
  await run(["init", "--quiet", "--initial-branch=main", folder]);
  if (commits.length > 0) await run(["-C", folder, "fast-import", "--quiet", "--force"], streamOf(commits));
  return folder;
}

/** So many commits of two authors, with a merge now and then. */
export function manyCommits(count: number): CommitSpec[] {
  return Array.from({ length: count }, (_, at) => ({
    name: at % 3 === 0 ? "Ada" : "Grace",
    email: at % 3 === 0 ? "ada@example.org" : "grace@example.org",
    message: at % 9 === 8 ? `Merge branch ${at}` : `core: change ${at}`,
    parents: at % 9 === 8 ? [at - 1, at - 3] : at === 0 ? [] : [at - 1],
  }));
}

function streamOf(commits: readonly CommitSpec[]): Buffer {
  const parts: (string | Buffer)[] = [];
  const data = (content: string | Buffer) => {
    const bytes = Buffer.from(content);
    parts.push(`data ${bytes.length}\n`, bytes, "\n");
  };
  for (const [at, commit] of commits.entries()) {
    const committedAtS = commit.committedAtS ?? FIRST_COMMIT_AT_S + at * 60;
    const person = [commit.name ?? "Ada", ` <${commit.email ?? "ada@example.org"}> `];
    parts.push(`commit refs/heads/main\nmark :${at + 1}\n`);
    parts.push("author ", ...person, `${commit.authoredAtS ?? committedAtS} +0000\n`);
    parts.push("committer ", ...person, `${committedAtS} +0000\n`);
    if (commit.encoding) parts.push(`encoding ${commit.encoding}\n`);
    data(commit.message ?? `change ${at}`);
    const [first, ...others] = commit.parents ?? (at === 0 ? [] : [at - 1]);
    if (first !== undefined) parts.push(`from :${first + 1}\n`);
    for (const other of others) parts.push(`merge :${other + 1}\n`);
    for (const path of commit.paths ?? [`file-${at}.txt`]) {
      parts.push("M 100644 inline ", quoted(path), "\n");
      data(`content ${at}`);
    }
    parts.push("\n");
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

/** A path as fast-import takes any: between quotes, what could end them escaped. */
function quoted(path: string | Buffer): Buffer {
  const escaped = [...Buffer.from(path)].flatMap((byte) => {
    if (byte === 0x0a) return [...Buffer.from("\\n")];
    return byte === 0x22 || byte === 0x5c ? [0x5c, byte] : [byte];
  });
  return Buffer.from([0x22, ...escaped, 0x22]);
}

async function run(args: readonly string[], input?: Buffer): Promise<void> {
  const child = spawn("git", args, { stdio: ["pipe", "ignore", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.stdin.end(input);
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code !== 0) throw new Error(`git ${args.join(" ")}: ${complaint}`);
}
