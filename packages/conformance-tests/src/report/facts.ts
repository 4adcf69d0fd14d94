/** What the probe found, for a terminal: before the first case, so that a failure is read with it in mind. */

import type { RuntimeFacts, ServerFacts } from "../results.js";
import { type Colors, wrap } from "./text.js";

const NAME_WIDTH = 22;

export function renderFacts(server: ServerFacts, runtimes: readonly RuntimeFacts[], colors: Colors): string {
  const row = (name: string, value: string, color: (text: string) => string = String) => {
    const indent = " ".repeat(NAME_WIDTH + 2);
    const text = wrap(value, indent).slice(indent.length);
    return `  ${colors.dim(name.padEnd(NAME_WIDTH))}${color(text)}`;
  };
  const lines = [
    `${colors.bold(server.product)}, ${server.mode} at ${server.address}`,
    row("runtimes", runtimes.map(({ name, version }) => `${name} ${version}`).join(", ")),
  ];
  for (const { name, value, warning } of server.findings) {
    lines.push(row(name, value));
    if (warning !== undefined) lines.push(row("", `! ${warning}`, colors.yellow));
  }
  return `${lines.join("\n")}\n`;
}
