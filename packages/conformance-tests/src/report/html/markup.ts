/** Markup by template: whatever is put into it is escaped, unless it is markup itself. */

export class Html {
  constructor(readonly text: string) {}
}

type Part = string | number | Html | readonly Html[];

/** `` html`<p>${text}</p>` ``; safe in text and in quoted attributes. */
export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(strings.map((string, at) => string + textOf(parts[at] ?? "")).join(""));
}

/** Markup, styles or a script of ours, never text from elsewhere. */
export function raw(text: string): Html {
  return new Html(text);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function textOf(part: Part): string {
  if (part instanceof Html) return part.text;
  if (typeof part === "object") return part.map(({ text }) => text).join("");
  // Control characters are no text of a page; a reader is shown that there was one.
  const shown = String(part).replaceAll(/[^\P{Cc}\n\t]/gu, "�");
  return shown.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}
