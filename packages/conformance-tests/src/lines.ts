/**
 * Lines as they come, ended by a line feed alone: JSON may have other ends of lines in its texts, U+2028 say, at
 * which `node:readline` would break it.
 */
export async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let open = "";
  for await (const bytes of stream) {
    const [first = "", ...others] = decoder.decode(bytes, { stream: true }).split("\n");
    open += first;
    for (const next of others) {
      yield open;
      open = next;
    }
  }
}
