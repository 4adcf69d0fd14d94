/**
 * Reads commits out of a git repository, oldest first, as a stream: of whatever length the history is, one
 * commit is in memory at a time. What becomes of a commit is `history.ts`.
 */
import { execFile, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { stat } from "node:fs/promises";
import { promisify } from "node:util";

export interface Commit {
  readonly sha: string;
  /** None for a first commit, two or more for a merge. */
  readonly parents: readonly string[];
  readonly authorName: string;
  readonly authorEmail: string;
  /** When it was written, in seconds since 1970. Whatever the author's clock said. */
  readonly authoredAtS: number;
  /** When it came into this history, in seconds since 1970. */
  readonly committedAtS: number;
  /** Cut at 200 characters. */
  readonly subject: string;
  /** The message below the subject, cut at 4,000 characters. */
  readonly body: string;
  /** The first 20 of the files it changed. */
  readonly paths: readonly string[];
  /** How many files it changed; 0 for a merge. */
  readonly fileCount: number;
}

export interface Repository {
  /** Its folder, absolute: the one with the files, or the bare repository itself. */
  readonly folder: string;
  /** `main`, or `HEAD` when no branch is checked out. */
  readonly branch: string;
}

/** A path that no history can be read from. */
export class RepositoryError extends Error {
  override readonly name = "RepositoryError";
}

const MAX_PATHS = 20;
const MAX_BODY_CHARS = 4_000;
const MAX_SUBJECT_CHARS = 200;

/** A hook, or a shell inside of another repository, must not decide which repository is read. */
const LOCAL_VARIABLES = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_COMMON_DIR",
  "GIT_OBJECT_DIRECTORY",
];

/** Each commit's fields, in the order of `commitFrom`. Any of them may hold any byte but NUL. */
const FIELDS = ["%H", "%P", "%an", "%ae", "%at", "%ct", "%s", "%b"];

/**
 * The repository that a folder is, or lies in.
 *
 * @throws {RepositoryError} when there is no such folder, no repository, no commit in it, or no git on this
 *   machine.
 */
export async function openRepository(path: string): Promise<Repository> {
  const refused = (reason: string) => new RepositoryError(`read the git history of "${path}": ${reason}`);
  const found = await stat(path).catch(() => undefined);
  if (!found?.isDirectory()) throw refused(found ? "wanted a folder" : "there is no such folder");
  const ask = async (...args: string[]) => (await git(path, args)).replace(/\n$/, "");
  try {
    const workTree = (await ask("rev-parse", "--is-inside-work-tree")) === "true";
    const folder = await ask("rev-parse", workTree ? "--show-toplevel" : "--absolute-git-dir");
    const head = await ask("rev-parse", "--verify", "--quiet", "HEAD^{commit}").catch(() => "");
    if (head === "") throw refused("the repository has no commits yet");
    const branch = await ask("rev-parse", "--abbrev-ref", "HEAD");
    return { folder, branch };
  } catch (error) {
    throw error instanceof RepositoryError ? error : refused(reasonOf(error));
  }
}

/**
 * The commits that lead to HEAD, parents before children.
 *
 * @param options.limit - the newest so many; all unless given.
 * @param options.signal - ends git, and with it the reading.
 * @throws {RepositoryError} when git fails on the way, e.g. at a damaged object.
 */
export async function* readCommits(
  repository: Repository,
  options: { readonly limit?: number | undefined; readonly signal?: AbortSignal } = {},
): AsyncGenerator<Commit> {
  // Nothing that a commit holds can pass for it, so that every name, message and path is taken as it is.
  const mark = randomUUID();
  const child = spawn("git", ["-C", repository.folder, ...logCommand(mark, options.limit)], {
    env: gitEnvironment(),
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.signal && { signal: options.signal }),
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = `${complaint}${text}`.slice(0, 1_000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", (code) => resolve(code));
  });
  ended.catch(() => {});
  try {
    const records = new RecordReader(mark);
    for await (const chunk of child.stdout) {
      // A stream without an encoding gives Buffers.
      for (const record of records.push(chunk as Buffer)) {
        options.signal?.throwIfAborted();
        yield commitFrom(record);
      }
    }
    const last = records.end();
    if ((await ended) !== 0) throw new Error(complaint || "git ended early");
    if (last) yield commitFrom(last);
  } catch (error) {
    throw new RepositoryError(`read the git history of "${repository.folder}": ${reasonOf(error)}`);
  } finally {
    child.kill();
  }
}

function logCommand(mark: string, limit: number | undefined): string[] {
  // What users have configured for their own eyes (signatures, notes, diffs of merges) is not wanted.
  const settings = [
    "log.showRoot=true",
    "log.showSignature=false",
    "log.diffMerges=off",
    "diff.relative=false",
  ];
  return [
    ...settings.flatMap((setting) => ["-c", setting]),
    ...[
      "log",
      "-z",
      "--reverse",
      "--topo-order",
      "--no-color",
      "--no-notes",
      "--encoding=UTF-8",
      "--name-only",
    ],
    `--format=${[mark, ...FIELDS].join("%x00")}`,
    ...(limit === undefined ? [] : [`--max-count=${limit}`]),
    "HEAD",
    "--",
  ];
}

/** One commit as git prints it: its fields, and the first of its paths. */
interface CommitRecord {
  readonly fields: string[];
  readonly paths: string[];
  pathCount: number;
}

/**
 * Puts NUL-separated text together to commits: the mark, the fields, then paths until the next mark. Bytes
 * that are not UTF-8 become U+FFFD.
 */
class RecordReader {
  private readonly decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  private unfinished: Buffer[] = [];
  private record: CommitRecord | undefined;

  constructor(private readonly mark: string) {}

  /** The commits that this chunk completes. */
  push(chunk: Buffer): CommitRecord[] {
    const complete: CommitRecord[] = [];
    let from = 0;
    for (let nul = chunk.indexOf(0); nul >= 0; nul = chunk.indexOf(0, from)) {
      const bytes = chunk.subarray(from, nul);
      const token = this.unfinished.length > 0 ? Buffer.concat([...this.unfinished, bytes]) : bytes;
      this.unfinished = [];
      const previous = this.take(this.decoder.decode(token));
      if (previous) complete.push(previous);
      from = nul + 1;
    }
    if (from < chunk.length) this.unfinished.push(chunk.subarray(from));
    return complete;
  }

  /** The last commit; undefined if there was none. */
  end(): CommitRecord | undefined {
    return this.record;
  }

  private take(token: string): CommitRecord | undefined {
    const { record } = this;
    if (token === this.mark) {
      this.record = { fields: [], paths: [], pathCount: 0 };
      return record;
    }
    if (record === undefined) throw new Error("git printed something that is no commit");
    if (record.fields.length < FIELDS.length) {
      record.fields.push(token);
      return undefined;
    }
    // git ends the message with a line feed when paths follow.
    const path = record.pathCount === 0 && token.startsWith("\n") ? token.slice(1) : token;
    if (path === "") return undefined;
    record.pathCount += 1;
    if (record.paths.length < MAX_PATHS) record.paths.push(path);
    return undefined;
  }
}

function commitFrom({ fields, paths, pathCount }: CommitRecord): Commit {
  const [
    sha = "",
    parents = "",
    authorName = "",
    authorEmail = "",
    authored,
    committed,
    subject = "",
    body = "",
  ] = fields;
  return {
    sha,
    parents: parents === "" ? [] : parents.split(" "),
    authorName,
    authorEmail,
    authoredAtS: Number(authored),
    committedAtS: Number(committed),
    subject: cut(subject, MAX_SUBJECT_CHARS),
    body: cut(body, MAX_BODY_CHARS),
    paths,
    fileCount: pathCount,
  };
}

/** At most so many UTF-16 code units, and never half a character. */
function cut(text: string, maxChars: number): string {
  return text.slice(0, maxChars).replace(/[\ud800-\udbff]$/, "");
}

async function git(folder: string, args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)("git", ["-C", folder, ...args], { env: gitEnvironment() });
  return stdout;
}

function gitEnvironment(): NodeJS.ProcessEnv {
  // English, because what git says is passed on in the middle of an English sentence.
  const env: NodeJS.ProcessEnv = { ...process.env, LC_ALL: "C" };
  for (const name of LOCAL_VARIABLES) delete env[name];
  return env;
}

/** In one line: what git said first, or what kept it from running. */
function reasonOf(error: unknown): string {
  const { code, stderr, message } = error as { code?: unknown; stderr?: unknown; message?: unknown };
  if (code === "ENOENT") return "git is not on PATH";
  const said = String(stderr || message).trim();
  const line = said.split("\n").find((text) => text.startsWith("fatal:")) ?? said.split("\n")[0] ?? "";
  return line.replace(/^fatal: /, "").replace(/ \(or any of the parent directories\): \.git$/, "");
}
