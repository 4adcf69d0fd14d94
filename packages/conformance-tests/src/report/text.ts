/** Text for a terminal. */

import pc from "picocolors";

/** As narrow as terminals come. */
export const WIDTH = 80;

export type Colors = ReturnType<typeof pc.createColors>;

export function colorsFor(enabled: boolean): Colors {
  return pc.createColors(enabled);
}

/**
 * Breaks lines between words, and indents what follows the first as that is. A word that is longer than a line
 * stays whole, so that it can be copied. Control characters are spelt out: what a server or a case says must not
 * move the cursor.
 */
export function wrap(text: string, indent: string, width = WIDTH): string {
  return text
    .replaceAll(/[^\P{Cc}\n]/gu, (character) => JSON.stringify(character).slice(1, -1))
    .split("\n")
    .flatMap((line) => wrapLine(line.trimEnd(), indent, width))
    .join("\n");
}

function wrapLine(line: string, indent: string, width: number): string[] {
  const own = indent + (/^\s*/.exec(line)?.[0] ?? "");
  const lines: string[] = [];
  let current = "";
  for (const word of line.trim().split(/\s+/)) {
    const longer = current === "" ? own + word : `${current} ${word}`;
    if (longer.length > width && current !== "") {
      lines.push(current);
      current = own + word;
    } else current = longer;
  }
  return [...lines, current.trimEnd()];
}
