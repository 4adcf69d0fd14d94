/** docs/operators.md: its code runs, its commands do what it says, and no number or check is missing in it. */
import { readdirSync, readFileSync } from "node:fs";
import { type Bus, NonRetryableError } from "@sluice/node";
import type { TestServer } from "@sluice/test-server";
import type { Redis } from "ioredis";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { events, openBus as openTenantsBus } from "../stories/support.js";
import {
  onOrder,
  openBus,
  place,
  plainRedis,
  privateServer,
  refusal,
  type Schemas,
  started,
  until,
} from "./support.js";

const root = new URL("../../../../", import.meta.url);
const page = readFileSync(new URL("docs/operators.md", root), "utf8");
const folder = new URL("./page/", import.meta.url);

function blocks(language: string): string[] {
  return [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"))].map(
    ([, text]) => text ?? "",
  );
}

/** The commands of the page, as words. */
function commands(starting: string): string[][] {
  const block = blocks("redis").find((text) => text.startsWith(starting)) ?? "";
  return block
    .trim()
    .split("\n")
    .map((line) => line.split(" "));
}

async function call(redis: Redis, [name = "", ...words]: string[]): Promise<unknown> {
  return await redis.call(name, ...words);
}

/** First cells of the table under a heading. */
function named(heading: string): string[] {
  const section = page.split(`# ${heading}\n`)[1]?.split(/^#/m)[0] ?? "";
  const cells = [...section.matchAll(/^\| ([^|]+) \|/gm)].map(([, cell]) => cell ?? "");
  return cells.flatMap((cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? ""));
}

it("shows the code that is run here, and all of it", () => {
  const files = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
  expect(blocks("ts").sort()).toEqual(files.sort());
});

describe("the code", () => {
  let server: TestServer;
  let acme: ReturnType<Bus<"multi", Schemas>["tenant"]>;
  let printed: string[];

  beforeEach(async () => {
    server = await privateServer();
    vi.stubEnv("REDIS_URL", server.url);
    printed = [];
    vi.spyOn(console, "log").mockImplementation((line: string) => void printed.push(line));
    const bus = await openBus({ redis: server.url, tenancy: "multi", stream: "orders" });
    acme = bus.tenant("acme");
  });

  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  it("lists dead letters, discards what is malformed and replays the rest", async () => {
    await place(acme, "o1", "o2");
    await plainRedis(server.url).xadd("tenant:{acme}:orders", "*", "hello", "world");
    const fail = () => {
      throw new NonRetryableError("no such customer");
    };
    await acme.consumer({ group: "billing", handlers: [onOrder(fail)] }).runOnce();
    await import("./page/dead-letters.js");
    expect(printed.pop()).toBe("discarded 1, replayed 2, left 0");
    expect(printed.sort()).toEqual([
      "o1: FAILED after 1 attempts: NonRetryableError: no such customer",
      "o2: FAILED after 1 attempts: NonRetryableError: no such customer",
      expect.stringMatching(/^undefined: MALFORMED after 1 attempts: /),
    ]);
    const report = await acme.consumer({ group: "billing", handlers: [onOrder()] }).runOnce();
    expect(report).toMatchObject({ handled: 2 });
  });

  it("looks at a stream, at its health, and writes what Prometheus reads", async () => {
    await place(acme, "o1", "o2");
    await acme.consumer({ group: "billing", handlers: [onOrder()] }).runOnce({ max: 1 });
    await import("./page/watch.js");
    const text = printed.join("\n");
    expect(text).toContain("billing: 1 of 2 to be delivered, 0 pending, 0 of them waiting");
    expect(text).toContain("health: degraded");
    expect(text).toContain("consumers:billing is degraded: 0 of 0 alive");
    const samples = (printed.at(-1) ?? "").trimEnd().split("\n");
    for (const line of samples)
      expect(line).toMatch(/^(# TYPE \w+ (counter|gauge|histogram)|\w+(\{le="[^"]+"\})? \S+)$/);
    expect(samples).toContain('sluice_handler_duration_seconds_bucket{le="+Inf"} 0');
    expect(samples).toContain("sluice_events_published_total 0");
  });
});

describe("the tables", () => {
  it("have every number of getStreamInfo", async () => {
    const bus = await openBus();
    await place(bus, "a", "b");
    const handlers = [onOrder(() => ({ kind: "retry", delayMs: 60_000 }))];
    await bus.consumer({ group: "billing", handlers }).runOnce();
    const { groups, stream: _, exists: __, ...numbers } = await bus.getStreamInfo();
    const { name: ___, ...group } = groups[0] ?? { name: "" };
    const ofGroups = Object.keys(group).map((field) =>
      field === "nextRetryAt" ? field : `groups[].${field}`,
    );
    expect(named("getStreamInfo").sort()).toEqual([...Object.keys(numbers), ...ofGroups].sort());
  });

  it("have every check of health", async () => {
    const bus = await openBus();
    await (await started(bus)).stop();
    const { checks } = await bus.health();
    const names = checks.map(({ name }) => name.replace(/:.*/, ":NAME"));
    // These are shown only where something is wrong.
    const troubles = ["handlers:NAME", "worker:NAME", "stream", "stream-memory"];
    expect(named("health").sort()).toEqual([...names, ...troubles].sort());
  });

  it("have every metric", async () => {
    const ofBus = (await openBus()).metrics();
    const multi = await openTenantsBus({ events, tenancy: "multi" });
    const handler = events.handler({ name: "none", eventTypes: ["order.placed"], handle() {} });
    const ofWorker = multi.worker({ group: "billing", handlers: [handler] }).metrics();
    const names = [ofBus, ofWorker].flatMap(({ counters, gauges, histograms }) => {
      return Object.keys({ ...counters, ...gauges, ...histograms });
    });
    expect(named("metrics").sort()).toEqual([...new Set(names)].sort());
  });

  it("have every reason of a dead letter", () => {
    const status = readFileSync(new URL("packages/lua-scripts/src/includes/status.lua", root), "utf8");
    const reasons = [...status.matchAll(/--- Dead letter: .*\n {2}(\w+) =/g)].map(([, name]) => name);
    expect(named("Dead letters").sort()).toEqual(reasons.sort());
  });
});

/** The files of a folder in the repository, as text. */
function sources(path: string, ending: string): string {
  const names = readdirSync(new URL(path, root), { recursive: true, encoding: "utf8" });
  const files = names.filter((name) => name.endsWith(ending));
  return files.map((name) => readFileSync(new URL(path + name, root), "utf8")).join("\n");
}

/** The commands in the sources: those of scripts, those of the client, and what the connection needs. */
function commandsInUse(): string[] {
  const lua = sources("packages/lua-scripts/src/", ".lua").replaceAll(
    /redis\.acl_check_cmd|^ *\{ "[A-Z]+".*$/gm,
    "",
  );
  const ofScripts = /(?:redis\.p?call\(|chunks\.ask\(|chunks\.call\([\w.]+, \d, )\s*"([A-Z]+)"/g;
  const ofClient = /(?:name: |command\(|command\(connection, |this\.raw\()"([A-Z]+)"/g;
  const core = sources("packages/core/src/", ".ts");
  const found = [...lua.matchAll(ofScripts), ...core.matchAll(ofClient)].map(
    ([, name]) => name?.toLowerCase() ?? "",
  );
  // For health(), for tenants(), and for workers of many tenants.
  const toldApart = ["info", "config", "zscan", "scan", "client"];
  return [...new Set([...found, "eval", "evalsha"])].filter((name) => !toldApart.includes(name));
}

describe("the user of one tenant", () => {
  const [rule = []] = commands("ACL SETUSER");

  it("may run the commands that are in use, and no other", () => {
    const allowed = rule
      .filter((word) => word.startsWith("+"))
      .map((word) => word.slice(1).replace(/\|.*/, ""));
    expect(allowed).toEqual(["ping", ...allowed.slice(1).sort()]);
    expect([...allowed].sort()).toEqual(commandsInUse().sort());
  });

  it("can do all of the tenant's work, and nothing for another tenant", async () => {
    const server = await privateServer();
    const admin = plainRedis(server.url);
    await call(admin, rule);
    const url = new URL(server.url);
    url.username = "acme";
    url.password = "secret";
    const bus = await openBus({ redis: url.href, tenancy: "multi", stream: "orders" });
    const acme = bus.tenant("acme");
    await work(acme, admin);
    await acme.health();

    const denied = (await admin.acl("LOG")) as unknown[][]; // a flat list of fields and values for each
    const objects = denied.map((entry) => String(entry[entry.indexOf("object") + 1]).replace(/\|.*/, ""));
    // As the page says: health() asks for the one, and each process once for the other.
    const told = ["info", "config", "{orders}/tenants"];
    expect(objects.filter((object) => !told.includes(object))).toEqual([]);

    const globex = bus.tenant("globex");
    for (const attempt of [() => place(globex, "a"), () => globex.getStreamInfo(), () => started(globex)]) {
      expect(await refusal(attempt)).toMatchObject({ code: "PERMISSION" });
    }
    expect(await admin.keys("*globex*")).toEqual([]);
  });

  it("with what the page adds for many tenants can enroll, list and forget them", async () => {
    const server = await privateServer();
    const admin = plainRedis(server.url);
    const rows = [...page.matchAll(/^\| (?:A publisher for|Who lists) .*$/gm)].map(([row]) => row);
    const [publisher = [], operator = []] = rows.map((row) =>
      [...row.matchAll(/`([^`]+)`/g)].flatMap(([, words = ""]) => words.split(" ")),
    );
    const login = async (words: readonly string[]) => {
      await call(admin, [...rule, ...words]);
      const url = new URL(server.url);
      url.username = "acme";
      url.password = "secret";
      return await openBus({ redis: url.href, tenancy: "multi", stream: "orders" });
    };
    const publishing = await login(publisher);
    await place(publishing.tenant("acme"), "a");
    await place(publishing.tenant("globex"), "a");
    expect(await admin.zcard("{orders}/tenants")).toBe(2);
    await publishing.close();

    const looking = await login(operator);
    const tenants = async () => {
      const ids: string[] = [];
      for await (const { tenantId } of looking.tenants()) ids.push(tenantId);
      return ids.sort();
    };
    expect(await tenants()).toEqual(["acme", "globex"]);
    await admin.unlink("tenant:{acme}:orders");
    expect(await looking.forgetTenant("acme")).toBe(true);
    await admin.unlink("{orders}/tenants");
    expect(await tenants()).toEqual(["globex"]);
  });

  it("without EVAL needs SCRIPT LOAD", async () => {
    const server = await privateServer();
    const admin = plainRedis(server.url);
    await call(admin, [...rule, "-eval", "+script|load"]);
    const url = new URL(server.url);
    url.username = "acme";
    url.password = "secret";
    const bus = await openBus({ redis: url.href, tenancy: "multi", stream: "orders" });
    await work(bus.tenant("acme"), admin);
  });

  /** Everything that there is to do, once. */
  async function work(bus: ReturnType<Bus<"multi", Schemas>["tenant"]>, admin: Redis): Promise<void> {
    const retention = { settledForMs: 0, maxLength: 1_000 };
    const seen = new Map<string, number>();
    const consumer = await started(
      bus,
      ({ data: { orderId } }, attempt) => {
        seen.set(orderId, (seen.get(orderId) ?? 0) + 1);
        if (orderId === "retried" && attempt === 1) return { kind: "retry", delayMs: 1 };
        return orderId.startsWith("dead") && seen.get(orderId) === 1 ? { kind: "failure" } : undefined;
      },
      { retention, leaseMs: 60 },
    );
    await place(bus, "done", "retried", "dead 1", "dead 2", "dead 3", "done again");
    await consumer.idle();
    const letters = bus.deadLetters("billing");
    const [first, second] = (await letters.list()).items;
    expect(await letters.get(first?.id ?? "")).toEqual(first);
    expect(await letters.replay([first?.id ?? ""])).toMatchObject({ done: 1 });
    expect(await letters.discard([second?.id ?? ""])).toMatchObject({ done: 1 });
    await consumer.idle();
    await consumer.stop();
    await admin.xtrim("tenant:{acme}:orders", "MAXLEN", 0);
    expect(await letters.replay("all")).toMatchObject({ done: 1 });
    // Lost, and made again; then entries of a consumer that is gone.
    await admin.xgroup("DESTROY", "tenant:{acme}:orders", "billing");
    await place(bus, "late 1", "late 2");
    const next = await started(bus, undefined, { retention, leaseMs: 60, consumer: "worker-1" });
    await next.idle();
    await next.stop();
    await place(bus, "stale 1", "stale 2");
    await admin.xreadgroup("GROUP", "billing", "worker-2", "STREAMS", "tenant:{acme}:orders", ">");
    const last = await started(bus, undefined, { retention, leaseMs: 60 });
    await until(async () => (await bus.getStreamInfo()).groups[0]?.pending === 0);
    await last.stop();
    expect(await bus.getStreamInfo()).toMatchObject({ deadLetters: 0, groups: [{ pending: 0, lag: 0 }] });
  }
});

it("removing a group leaves nothing of it, and nothing that holds up trimming", async () => {
  const server = await privateServer();
  const redis = plainRedis(server.url);
  const bus = await openBus({ redis: server.url, tenancy: "multi", stream: "orders" });
  const acme = bus.tenant("acme");
  await place(acme, "a", "b", "c");
  const handlers = [onOrder(({ data }) => ({ kind: data.orderId === "a" ? "failure" : "retry" }))];
  await acme.consumer({ group: "billing", handlers }).runOnce();
  const other = { group: "shipping", handlers: [onOrder()], retention: { settledForMs: 0 } };
  await acme.consumer(other).runOnce();
  await acme.consumer(other).runOnce();
  expect(await acme.getStreamInfo()).toMatchObject({ length: 2 });

  for (const command of commands("XGROUP DESTROY")) await call(redis, command);
  expect(await redis.keys("*billing*")).toEqual([]);
  await acme.consumer(other).runOnce();
  expect(await acme.getStreamInfo()).toMatchObject({
    length: 0,
    deadLetters: 0,
    groups: [{ name: "shipping" }],
  });
  expect((await acme.health()).checks.map(({ name }) => name)).not.toContain("group:billing");
});
