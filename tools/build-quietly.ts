/**
 * Builds a package and what it depends on, or every package, and says one line about it: turbo's own account shows
 * only when it fails.
 */
import { spawnSync } from "node:child_process";

const name = process.argv[2];
process.stderr.write("building … ");
const startedAt = performance.now();
const { status, stdout, stderr } = spawnSync(
  "turbo",
  ["run", "build", ...(name === undefined ? [] : [`--filter=${name}`]), "--output-logs=errors-only"],
  {
    env: { ...process.env, TURBO_TELEMETRY_DISABLED: "1" },
    encoding: "utf8",
  },
);
if (status === 0) {
  const cached = stdout.includes("FULL TURBO") ? ", from cache" : "";
  process.stderr.write(`done in ${((performance.now() - startedAt) / 1_000).toFixed(1)} s${cached}\n`);
} else {
  process.stderr.write(`failed\n${stdout ?? ""}${stderr ?? ""}`);
  process.exit(status ?? 1);
}
