import { describe, expect, it } from "vitest";
import { events } from "../src/catalog.js";
import { type Commit, openRepository, readCommits } from "../src/git-log.js";
import { Storyteller, type TenantEvent, tenantNames } from "../src/history.js";
import { type CommitSpec, manyCommits, repositoryOf } from "./support/repository.js";

async function commitsOf(specs: readonly CommitSpec[]): Promise<Commit[]> {
  const commits: Commit[] = [];
  for await (const commit of readCommits(await openRepository(await repositoryOf(specs))))
    commits.push(commit);
  return commits;
}

function tell(commits: readonly Commit[], tenants = 2): TenantEvent[] {
  const storyteller = new Storyteller(tenantNames(tenants));
  return [...commits.flatMap((commit) => storyteller.tell(commit)), ...storyteller.end()];
}

/** The events of one commit with this message, `type` by `type`. */
async function typesFor(spec: CommitSpec): Promise<string[]> {
  return tell(await commitsOf([spec])).map(({ entry }) => entry.type);
}

function distinct<T>(values: readonly T[]): number {
  return new Set(values).size;
}

describe("telling a history", () => {
  it.each([2, 3, 8])(
    "has two of %i tenants take part in every commit, also in the only one",
    async (tenants) => {
      for (const commit of await commitsOf(manyCommits(20))) {
        const told = tell([commit], tenants);
        expect(distinct(told.map(({ tenant }) => tenant))).toBe(2);
      }
    },
  );

  it("reaches all of eight tenants", async () => {
    const commits = await commitsOf(
      manyCommits(100).map((spec, at) => ({ ...spec, email: `a${at}@example.org` })),
    );
    expect(distinct(tell(commits, 8).map(({ tenant }) => tenant))).toBe(8);
  });

  it("uses every type in a history that is long enough, without a merge, revert or fix in it", async () => {
    const told = tell(await commitsOf(Array.from({ length: 150 }, () => ({}))));
    expect(new Set(told.map(({ entry }) => entry.type))).toEqual(new Set(events.types));
  });

  it("gives data that the catalog takes, and names the tenant in it", async () => {
    for (const { tenant, entry } of tell(await commitsOf(manyCommits(50)))) {
      expect(events.validate(entry.type, entry.data)).not.toHaveProperty("issues");
      expect(entry.data.metadata).toMatchObject({ tenant });
    }
  });

  it("gives the same events every time: each key once for a tenant, some keys to two tenants", async () => {
    const commits = await commitsOf(manyCommits(100));
    const told = tell(commits);
    expect(tell(commits)).toEqual(told);
    expect(distinct(told.map(({ tenant, entry }) => `${tenant} ${entry.idempotencyKey}`))).toBe(told.length);
    expect(distinct(told.map(({ entry }) => entry.idempotencyKey))).toBeLessThan(told.length);
  });

  it("keeps a session for an author's run of commits on one day, and ends every session", async () => {
    const day = 86_400;
    const at = (committedAtS: number) => ({ committedAtS });
    const told = tell(await commitsOf([at(10 * day), at(10 * day + 60), at(11 * day)]));
    const sessions = told.filter(({ entry }) => entry.type.startsWith("session_"));
    expect(sessions.map(({ entry }) => entry.type)).toEqual([
      ...["session_started", "session_completed"],
      ...["session_started", "session_completed"],
    ]);
    expect(distinct(told.map(({ entry }) => entry.data.session_id))).toBe(2);
  });

  it("reads a revert as a rejected patch, a fix as an error, a week's wait as an expired gate", async () => {
    const reverted = await typesFor({ message: 'Revert "change"' });
    expect(reverted).toEqual(expect.arrayContaining(["gate_rejected", "patch_rejected", "task_failed"]));
    expect(await typesFor({ message: "undo\n\nThis reverts commit 1234." })).toContain("patch_rejected");
    expect(await typesFor({ message: "fix: the thing" })).toContain("agent_error");
    const late = { message: "late", authoredAtS: 1_000_000_000, committedAtS: 1_000_700_000 };
    const types = await typesFor(late);
    expect(types.includes("gate_expired") || types.includes("gate_rejected")).toBe(true);
  });

  it("carries the commit: sha, task, epic, files, time", async () => {
    const [commit] = await commitsOf([
      { message: "feat(api): verbs", paths: Array.from({ length: 21 }, (_, at) => `f${at}`) },
    ]);
    const created = tell(commit ? [commit] : []).find(({ entry }) => entry.type === "patch_created");
    expect(created?.entry).toMatchObject({
      idempotencyKey: `${commit?.sha}:patch_created`,
      timestamp: new Date(1_700_000_000_000),
      data: {
        session_id: `session-${commit?.sha.slice(0, 12)}`,
        task_id: `task-${commit?.sha.slice(0, 12)}`,
        epic_id: "api",
        git_sha: commit?.sha,
        artifact_paths: commit?.paths,
        mode: "rlm",
      },
    });
  });

  it("leaves out a time that no clock should show", () => {
    const commit: Commit = {
      sha: "a".repeat(40),
      parents: [],
      authorName: "",
      authorEmail: "",
      authoredAtS: 0,
      committedAtS: 9e15,
      subject: "",
      body: "",
      paths: [],
      fileCount: 0,
    };
    for (const { entry } of tell([commit])) expect(entry.timestamp).toBeUndefined();
  });
});
