import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { debianSystem } from "../src/debian/system.js";
import { unpackDebianPackages } from "../src/index.js";
import { temporaryFolder } from "./support.js";

const system = await debianSystem().catch(() => undefined);

describe.skipIf(system === undefined)(
  "packages are unpacked without root (skipped off Debian and Ubuntu)",
  () => {
    it("also on a machine that never ran apt-get update, which it does not do either", async () => {
      const emptyLists = await temporaryFolder();
      const configuration = join(await temporaryFolder(), "apt.conf");
      await writeFile(configuration, `Dir::State::lists "${emptyLists}";\n`);
      const cacheFolder = await temporaryFolder();
      const env = { ...process.env, APT_CONFIG: configuration };

      const { folder } = await unpackDebianPackages(["netbase"], { env, cacheFolder });

      expect(await readdir(join(folder, "etc"))).toContain("services");
      expect((await readdir(emptyLists)).filter((name) => name.includes("Packages"))).toEqual([]);
    });

    it("by several at once, and only whole packages are ever seen", async () => {
      const cacheFolder = await temporaryFolder();
      const folders = await Promise.all([1, 2].map(() => unpackDebianPackages(["netbase"], { cacheFolder })));
      expect(new Set(folders.map(({ folder }) => folder)).size).toBe(1);
      expect((await readdir(cacheFolder)).filter((name) => name.startsWith("."))).toEqual([]);
    });

    it("or the error names the package and what apt says", async () => {
      const cacheFolder = await temporaryFolder();
      await expect(unpackDebianPackages(["no-such-package-anywhere"], { cacheFolder })).rejects.toThrow(
        'get the packages "no-such-package-anywhere": Unable to locate package no-such-package-anywhere',
      );
      expect(await readdir(cacheFolder)).toEqual([]);
    });

    it("and a suite that does not exist is an error", async () => {
      const cacheFolder = await temporaryFolder();
      await expect(
        unpackDebianPackages(["netbase"], { cacheFolder, suite: "no-such-suite" }),
      ).rejects.toThrow(expect.objectContaining({ code: "UNAVAILABLE" }));
    });

    it("names that apt would take for options or paths are refused", async () => {
      await expect(unpackDebianPackages(["--help"])).rejects.toThrow('"--help" is not a Debian name');
      await expect(unpackDebianPackages(["../x"])).rejects.toThrow('"../x" is not a Debian name');
    });
  },
);
