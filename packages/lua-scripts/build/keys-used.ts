/**
 * Holds a script's body against the keys of its header: an index outside of them, or a declared key that is
 * never taken, is a mistake that Redis would only show on Cluster or under an ACL, and only on some calls.
 */
import type { Header } from "./header.js";
import { lex } from "./lexer.js";
import { type LuaFile, SourceError } from "./source-error.js";

/**
 * Checks every `KEYS[i]` of the file: 1 to the number of keys, and each used. `#KEYS` and KEYS handed whole
 * to a function are left alone. A computed index is allowed only in a script with @groupkey lines, whose KEYS
 * have no fixed length; its constant indexes may reach into the first group.
 *
 * @throws SourceError naming file and line
 */
export function checkKeysUsed(file: LuaFile, header: Header): void {
  const tokens = lex(file.text, file.path).filter((token) => token.kind !== "comment");
  const { keys, groupKeys } = header;
  const used = new Set<number>();
  for (const [at, token] of tokens.entries()) {
    if (token.kind !== "name" || token.text !== "KEYS" || tokens[at + 1]?.text !== "[") continue;
    const index = tokens[at + 2];
    if (index?.kind === "number" && tokens[at + 3]?.text === "]") {
      const most = keys.length + groupKeys.length;
      const position = Number(index.text);
      if (!Number.isInteger(position) || position < 1 || position > most) {
        throw new SourceError(file.path, token.line, `KEYS[${index.text}]: the header names ${most} keys`);
      }
      used.add(position);
    } else if (groupKeys.length === 0) {
      const problem =
        "KEYS takes a computed index, but the header has no @groupkey: name every key at the top";
      throw new SourceError(file.path, token.line, problem);
    }
  }
  const unused = keys.findIndex((_, position) => !used.has(position + 1));
  if (unused >= 0) {
    const problem = `key "${keys[unused]?.name}" of the header, KEYS[${unused + 1}], is never used`;
    throw new SourceError(file.path, 1, problem);
  }
}
