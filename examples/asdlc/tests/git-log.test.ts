import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, vi } from "vitest";
import { type Commit, openRepository, RepositoryError, readCommits } from "../src/git-log.js";
import { type CommitSpec, manyCommits, repositoryOf, temporaryFolder } from "./support/repository.js";

async function read(folder: string, options?: Parameters<typeof readCommits>[1]): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readCommits(await openRepository(folder), options)) commits.push(commit);
  return commits;
}

async function readOf(...specs: CommitSpec[]): Promise<Commit[]> {
  return await read(await repositoryOf(specs));
}

describe("reading a history", () => {
  it("gives every field of a commit", async () => {
    const [commit] = await readOf({
      name: "Ada Lovelace",
      email: "ada@example.org",
      message: "core: the subject\n\nThe body.\n",
      authoredAtS: 1_600_000_000,
      committedAtS: 1_700_000_000,
      paths: ["a.txt", "src/b.ts"],
    });
    expect(commit).toEqual({
      sha: expect.stringMatching(/^[0-9a-f]{40}$/),
      parents: [],
      authorName: "Ada Lovelace",
      authorEmail: "ada@example.org",
      authoredAtS: 1_600_000_000,
      committedAtS: 1_700_000_000,
      subject: "core: the subject",
      body: "The body.\n",
      paths: ["a.txt", "src/b.ts"],
      fileCount: 2,
    });
  });

  it("goes from the oldest commit to the newest, whatever their clocks say", async () => {
    const commits = await readOf(
      { committedAtS: 2_000_000_000 },
      { committedAtS: 1 },
      { committedAtS: 1_000 },
    );
    expect(commits.map(({ subject }) => subject)).toEqual(["change 0", "change 1", "change 2"]);
    expect(commits[1]?.parents).toEqual([commits[0]?.sha]);
  });

  it("knows a merge by its parents, and gives it no files", async () => {
    const commits = await readOf({}, {}, { parents: [0] }, { parents: [1, 2], paths: [] });
    const merge = commits.at(-1);
    expect(merge?.parents).toHaveLength(2);
    expect(merge).toMatchObject({ paths: [], fileCount: 0 });
  });

  it("takes a commit without message, files or author's name", async () => {
    const [commit] = await readOf({ name: "", email: "", message: "", paths: [] });
    expect(commit).toMatchObject({ authorName: "", authorEmail: "", subject: "", body: "", fileCount: 0 });
  });

  it("takes names, messages and paths of any bytes", async () => {
    const commits = await readOf(
      { name: 'Zoë \u001b[31m\u0001 "O\'Brien" 🦊', message: "\u001e\u001f 雪\n\ncommit 1234\n:100644 x\n" },
      {
        name: Buffer.from("J\xfcrgen", "latin1"),
        message: Buffer.from([0x66, 0xff, 0xfe]),
        paths: ["b\nc", "\nd"],
      },
      {
        message: Buffer.from("gr\xfc\xdfe", "latin1"),
        encoding: "ISO-8859-1",
        paths: [Buffer.from([0x65, 0xff])],
      },
    );
    expect(commits[0]).toMatchObject({
      authorName: 'Zoë \u001b[31m\u0001 "O\'Brien" 🦊',
      subject: "\u001e\u001f 雪",
      body: "commit 1234\n:100644 x\n",
    });
    expect(commits[1]).toMatchObject({
      authorName: "J\ufffdrgen",
      subject: "f\ufffd\ufffd",
      paths: ["\nd", "b\nc"],
    });
    expect(commits[2]).toMatchObject({ subject: "grüße", paths: ["e\ufffd"] });
  });

  it("keeps the first 20 paths and counts all, and cuts a long message", async () => {
    const paths = Array.from({ length: 50 }, (_, at) => `f${String(at).padStart(2, "0")}`);
    const [commit] = await readOf({ paths, message: `${"s".repeat(199)}🦊\n\n${"b".repeat(9_000)}` });
    expect(commit?.paths).toEqual(paths.slice(0, 20));
    expect(commit?.fileCount).toBe(50);
    expect(commit?.subject).toBe("s".repeat(199));
    expect(commit?.body).toHaveLength(4_000);
  });

  it("reads thousands of commits, and of those the newest that it is asked for", async () => {
    const folder = await repositoryOf(manyCommits(2_000));
    const all = await read(folder);
    expect(all).toHaveLength(2_000);
    expect(new Set(all.map(({ sha }) => sha)).size).toBe(2_000);
    expect(await read(folder, { limit: 10 })).toEqual(all.slice(-10));
    expect(await read(folder, { limit: 9_999 })).toEqual(all);
  });

  it("can be left half way, and ended from outside", async () => {
    const repository = await openRepository(await repositoryOf(manyCommits(50)));
    for await (const commit of readCommits(repository)) {
      expect(commit.subject).toBe("core: change 0");
      break;
    }
    const ended = read(repository.folder, { signal: AbortSignal.abort() });
    await expect(ended).rejects.toThrow(/^read the git history of /);
  });

  it("is not disturbed by what users configure for their own eyes, or by GIT_DIR", async () => {
    const folder = await repositoryOf([{}, {}, { parents: [0] }, { parents: [1, 2], paths: ["m"] }]);
    const plain = await read(folder);
    const settings = [
      "log.showSignature=true",
      "log.diffMerges=first-parent",
      "color.ui=always",
      "log.showRoot=false",
    ];
    for (const setting of [...settings, "format.pretty=oneline", "log.follow=true", "core.quotePath=true"]) {
      execFileSync("git", ["-C", folder, "config", ...setting.split("=")]);
    }
    vi.stubEnv("GIT_DIR", join(await repositoryOf([{}]), ".git"));
    try {
      expect(await read(folder)).toEqual(plain);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});

describe("opening a repository", () => {
  it("says which folder and branch, also from a folder inside, a bare one and a detached HEAD", async () => {
    const folder = await repositoryOf([{ paths: ["sub/a"] }]);
    expect(await openRepository(folder)).toEqual({ folder, branch: "main" });
    execFileSync("git", ["-C", folder, "checkout", "--quiet", "--detach"]);
    expect(await openRepository(join(folder, "sub"))).toEqual({ folder, branch: "HEAD" });
    const bare = join(await temporaryFolder(), "bare.git");
    execFileSync("git", ["clone", "--quiet", "--bare", folder, bare], { stdio: "ignore" });
    expect((await openRepository(bare)).folder).toBe(bare);
    expect(await read(bare)).toHaveLength(1);
  });

  it.each([
    ["there is no such folder", async () => join(await temporaryFolder(), "none")],
    ["not a git repository", temporaryFolder],
    ["the repository has no commits yet", () => repositoryOf([])],
    [
      "wanted a folder",
      async () => {
        const file = join(await temporaryFolder(), "file");
        writeFileSync(file, "");
        return file;
      },
    ],
  ])("refuses in one line: %s", async (reason, make) => {
    const path = await make();
    const refused = openRepository(path);
    await expect(refused).rejects.toBeInstanceOf(RepositoryError);
    await expect(refused).rejects.toThrow(new RegExp(`^read the git history of "${path}": ${reason}$`));
  });

  it("says that git is missing where it is", async () => {
    const folder = await repositoryOf([{}]);
    vi.stubEnv("PATH", "/nowhere");
    try {
      await expect(openRepository(folder)).rejects.toThrow(/: git is not on PATH$/);
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
