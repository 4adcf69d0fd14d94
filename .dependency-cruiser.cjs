/**
 * The boundaries between the packages: data flows lua-scripts ← core ← clients ← cli, examples, benchmarks.
 *
 * `npm run lint:boundaries` (tools/boundaries/check.ts) runs these over every `src` folder there is;
 * tools/boundaries/fixture breaks each rule once, and a test wants every one of them to fire there. Paths are
 * relative to the folder that is checked. Tests are free: they may use the test server and anything of their
 * own package.
 */
const { resolve } = require("node:path");

// Of the tree that is checked, which is the working folder: the fixture has names of its own.
const { paths } = require(resolve("tsconfig.base.json")).compilerOptions;

/** The public faces of the packages: what can be imported by a name is exactly what tsconfig gives a name. */
const ENTRY_POINTS = Object.values(paths)
  .flat()
  .map((path) => `^${path.replace(/^\.\//, "").replaceAll(".", "\\.")}$`);

/** As resolved, and as written where it cannot be resolved (not installed, or a Deno scheme). */
const REDIS_LIBRARY = [
  "node_modules/(ioredis|iovalkey|redis|bullmq|@redis|@valkey)/",
  "^(npm:)?@?(ioredis|redis|valkey)",
];
/** What a file belongs to; rules refer to it as $1. */
const UNIT = "^(packages/[^/]+|examples/[^/]+|benchmarks)/";
const OTHER_SOURCES = "^packages/[^/]+/src/";

const rule = (name, comment, from, to) => ({ name, severity: "error", comment, from, to });

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    rule(
      "lua-scripts-depends-on-nothing",
      "@sluice/lua-scripts is data and pure functions: a client for another runtime starts from it",
      { path: "^packages/lua-scripts/src/" },
      { pathNot: "^packages/lua-scripts/src/" },
    ),
    rule(
      "core-is-runtime-neutral",
      "of Node's modules @sluice/core may use async_hooks alone, which Deno and Bun have too",
      { path: "^packages/core/src/" },
      { dependencyTypes: ["core"], pathNot: "^(node:)?async_hooks$" },
    ),
    rule(
      "core-knows-no-redis-library",
      "a connection is passed to @sluice/core as a value; its ioredis adapter is typed by structure",
      { path: "^packages/core/src/" },
      { path: REDIS_LIBRARY },
    ),
    rule(
      "core-depends-on-lua-scripts-only",
      "@sluice/core has @sluice/lua-scripts and the types of Standard Schema, nothing else",
      { path: "^packages/core/src/" },
      {
        dependencyTypesNot: ["core"],
        pathNot: [
          "^packages/(core|lua-scripts)/src/",
          // A file of its own that is not there: "resolvable" tells.
          "^\\./",
          "node_modules/@standard-schema/spec/",
          ...REDIS_LIBRARY,
        ],
      },
    ),
    rule(
      "clients-depend-on-core-only",
      "of our packages a client has @sluice/core alone",
      { path: "^packages/(client-[^/]+)/src/" },
      {
        path: "^(packages|examples|benchmarks)/",
        pathNot: ["^packages/$1/", "^packages/core/", "^packages/client-"],
      },
    ),
    rule(
      "clients-are-apart",
      "no client imports another: what both need lives in @sluice/core",
      { path: "^packages/(client-[^/]+)/" },
      { path: "^packages/client-", pathNot: "^packages/$1/" },
    ),
    rule(
      "test-server-is-a-leaf",
      "@sluice/test-server imports none of ours, so that every package's tests may use it",
      { path: "^packages/test-server/src/" },
      { path: "^(packages|examples|benchmarks)/", pathNot: "^packages/test-server/src/" },
    ),
    rule(
      "nothing-depends-on-the-top",
      "cli, conformance-tests, examples and benchmarks are imported by nobody",
      { path: UNIT },
      { path: "^(packages/(cli|conformance-tests)|examples|benchmarks)/", pathNot: "^$1/" },
    ),
    rule(
      "conformance-runner-imports-no-client",
      "the suite judges clients from outside; only its drivers, one per runtime, know them",
      { path: "^packages/conformance-tests/src/", pathNot: "^packages/conformance-tests/src/drivers/" },
      { path: "^packages/(client-[^/]+|core)/" },
    ),
    rule(
      "public-entry-points-only",
      "another package is its entry points (the names in tsconfig.base.json), not its files",
      { path: UNIT },
      { path: OTHER_SOURCES, pathNot: ["^$1/", ...ENTRY_POINTS] },
    ),
    rule(
      "packages-by-name",
      "another package is imported by its name: a relative path works here and breaks when installed",
      { path: UNIT },
      { path: OTHER_SOURCES, pathNot: "^$1/", dependencyTypesNot: ["aliased"] },
    ),
    rule(
      "sources-import-sources",
      "what is published imports no tests, no build tooling and nothing that was built",
      { path: "^(packages|examples)/[^/]+/src/" },
      { path: "(^tools/|^(packages|examples)/[^/]+/(tests|build|dist)/)" },
    ),
    rule(
      "no-cycles",
      "files that load each other see each other half loaded; types alone may refer both ways",
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    ),
    rule(
      "declared-dependencies",
      "a package declares what it imports: what happens to be hoisted here is missing where it is installed",
      { path: "^(packages|examples)/[^/]+/src/" },
      { dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown"], pathNot: "node_modules/@types/" },
    ),
    rule(
      "resolvable",
      "an import leads somewhere; only the Deno client may use Deno's own schemes",
      {},
      { couldNotResolve: true, pathNot: "^(npm|jsr):" },
    ),
  ],
  options: {
    doNotFollow: { path: ["node_modules", "(^|/)dist/"] },
    // An import of a type alone couples as well.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.base.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "default"] },
  },
};
