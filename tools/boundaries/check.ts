/**
 * Holds the sources against the boundaries between the packages (.dependency-cruiser.cjs).
 *
 *     npx tsx tools/boundaries/check.ts     prints each import that is not allowed; exit 1 if there is one
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** One import that a rule forbids; paths are relative to the folder that was checked. */
export interface Violation {
  readonly rule: string;
  /** Why there is such a rule. */
  readonly comment: string;
  readonly from: string;
  /** The file or module imported, as far as it could be resolved. */
  readonly to: string;
}

export interface Verdict {
  /** Number of files looked at, those imported from elsewhere included. */
  readonly files: number;
  readonly violations: readonly Violation[];
}

const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** The `src` folders of the packages and examples there are, and the benchmarks; relative to `root`. */
export function sourceFolders(root: string): string[] {
  const children = (folder: string): string[] =>
    existsSync(join(root, folder)) ? readdirSync(join(root, folder)).sort() : [];
  const candidates = [
    ...children("packages").map((name) => `packages/${name}/src`),
    ...children("examples").map((name) => `examples/${name}/src`),
    "benchmarks",
  ];
  return candidates.filter((folder) => existsSync(join(root, folder)));
}

/**
 * @param root folder laid out like the repository, with a `tsconfig.base.json` that names its packages
 * @throws Error when dependency-cruiser itself fails, with what it printed
 */
export function check(root: string): Verdict {
  const folders = sourceFolders(root);
  if (folders.length === 0) return { files: 0, violations: [] };
  const program = join(REPOSITORY, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const config = join(REPOSITORY, ".dependency-cruiser.cjs");
  // Violations are in the report; with the JSON reporter the exit code speaks only of dependency-cruiser
  // itself.
  const report: CruiseReport = JSON.parse(
    execFileSync(process.execPath, [program, "--config", config, "--output-type", "json", ...folders], {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 256 * 1024 * 1024,
    }),
  );
  const comments = new Map(report.summary.ruleSetUsed.forbidden.map(({ name, comment }) => [name, comment]));
  return {
    files: report.summary.totalCruised,
    violations: report.summary.violations.map(({ rule, from, to }) => ({
      rule: rule.name,
      comment: comments.get(rule.name) ?? "",
      from,
      to,
    })),
  };
}

/** The part of dependency-cruiser's report that is read here. */
interface CruiseReport {
  readonly summary: {
    readonly totalCruised: number;
    readonly violations: readonly {
      readonly rule: { readonly name: string };
      readonly from: string;
      readonly to: string;
    }[];
    readonly ruleSetUsed: {
      readonly forbidden: readonly { readonly name: string; readonly comment: string }[];
    };
  };
}

function main(root = process.argv[2] ?? REPOSITORY): number {
  const { files, violations } = check(root);
  for (const { rule, comment, from, to } of violations) {
    console.error(`${from} imports ${to}\n  ${rule}: ${comment}`);
  }
  const passed = violations.length === 0;
  if (passed) console.log(`boundaries hold: ${files} files`);
  else console.error(`${violations.length} imports cross a boundary`);
  return passed ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main();
