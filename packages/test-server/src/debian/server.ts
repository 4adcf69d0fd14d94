/**
 * Servers out of Debian packages. The package of the tools is enough: its `redis-check-rdb` is the server's
 * binary, which looks at the name it was called by.
 */

import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, TestServerError } from "../errors.js";
import { productOfProgram, type ServerProgram } from "../program.js";
import { defaultCacheFolder, shownFolder } from "../project.js";
import { isOfVersion, productNameOf, type ServerVersion, suites } from "../versions.js";
import { type UnpackOptions, unpackDebianPackages } from "./unpack.js";

/**
 * The distribution's own server (Redis, else Valkey), or the given version from the suite of Debian that has
 * it.
 *
 * @throws TestServerError UNAVAILABLE when it cannot be had here.
 */
export async function debianServer(
  version: ServerVersion | undefined,
  options: Omit<UnpackOptions, "suite">,
): Promise<ServerProgram> {
  if (version === undefined) return await ownServer(options);
  const suite = suites[version];
  const program = await unpackServer(productNameOf(version), suite, options);
  const product = await productOfProgram(program.command);
  if (!isOfVersion(product, version)) {
    throw new TestServerError("UNAVAILABLE", `get ${version}: Debian's suite "${suite}" has ${product}`);
  }
  return program;
}

async function ownServer(options: Omit<UnpackOptions, "suite">): Promise<ServerProgram> {
  try {
    return await unpackServer("redis", undefined, options);
  } catch (error) {
    if (!(error instanceof TestServerError) || error.code !== "UNAVAILABLE") throw error;
    // A distribution that dropped Redis has Valkey; one that has neither is best told about by the first
    // error.
    return await unpackServer("valkey", undefined, options).catch(() => {
      throw error;
    });
  }
}

async function unpackServer(
  product: "redis" | "valkey",
  suite: string | undefined,
  options: Omit<UnpackOptions, "suite">,
): Promise<ServerProgram> {
  const unpacked = await unpackDebianPackages([`${product}-tools`], { ...options, suite });
  const link = join(unpacked.folder, "usr", "bin", `${product}-server`);
  await symlink(`${product}-check-rdb`, link).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw new TestServerError("UNAVAILABLE", messageOf(error), { cause: error });
  });
  const cache = shownFolder(options.cacheFolder ?? defaultCacheFolder(options.env ?? process.env));
  return {
    command: await unpacked.command(`${product}-server`),
    origin: `${unpacked.origin} package unpacked in ${cache}`,
  };
}
