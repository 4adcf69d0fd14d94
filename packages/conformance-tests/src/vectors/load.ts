/** Finds the vector files of this package, and reads them. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { VECTORS_FOLDER } from "../folders.js";
import { toExpression } from "../runner/load.js";
import type { Vector, VectorFile } from "./format.js";
import { parseVectors } from "./parse.js";

/**
 * The vector files, in alphabetical order.
 *
 * @param folder where they are; by default that of this package
 * @throws {VectorFormatError} naming file, vector and field
 */
export function loadVectorFiles(folder = VECTORS_FOLDER): VectorFile[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));
  return names.sort().map((name) => {
    return parseVectors(basename(name, ".yaml"), readFileSync(join(folder, name), "utf8"), `vectors/${name}`);
  });
}

/**
 * All vectors whose ID holds the pattern, in the order of the files.
 *
 * @param pattern a part of the ID, or a glob in which `*` stands for anything, as for cases
 */
export function loadVectors(pattern = ""): Vector[] {
  const wanted = toExpression(pattern);
  return loadVectorFiles().flatMap(({ vectors }) => vectors.filter(({ id }) => wanted.test(id)));
}
