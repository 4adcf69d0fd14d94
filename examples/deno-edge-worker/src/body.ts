/** The body of a request as JSON, within bounds: what is too long or too slow is given up while it comes in. */

import { Problem } from "./problems.ts";

export interface BodyLimits {
  readonly maxBytes: number;
  readonly timeoutMs: number;
}

/** @throws {Problem} 415 for another type, 413 and 408 beyond the limits, 400 for what is not JSON in UTF-8. */
export async function readJson(request: Request, limits: BodyLimits): Promise<unknown> {
  checkType(request.headers);
  const bytes = await readBytes(request, limits);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    const issues = [{ path: [], message: "expected JSON in UTF-8" }];
    throw new Problem(400, "NOT_JSON", "read the body: it is not JSON in UTF-8", { members: { issues } });
  }
}

function checkType(headers: Headers): void {
  const type = headers.get("content-type") ?? "";
  const encoding = headers.get("content-encoding") ?? "identity";
  const isJson = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i.test(type);
  if (isJson && encoding.toLowerCase() === "identity") return;
  const shown = encoding === "identity" ? type || "no type" : `${type}, encoded as ${encoding}`;
  throw new Problem(415, "UNSUPPORTED_TYPE", `read a body of ${shown}: wanted application/json`, {
    headers: { accept: "application/json", "accept-encoding": "identity" },
  });
}

async function readBytes(request: Request, { maxBytes, timeoutMs }: BodyLimits): Promise<Uint8Array> {
  const tooLong = () => new Problem(413, "TOO_LARGE", `read the body: wanted at most ${maxBytes} bytes`);
  if (Number(request.headers.get("content-length") ?? 0) > maxBytes) throw tooLong();
  const reader = request.body?.getReader();
  if (reader === undefined) return new Uint8Array();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    reader.cancel().catch(() => {});
  }, timeoutMs);
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (late) throw new Problem(408, "TOO_SLOW", `read the body: it took longer than ${timeoutMs} ms`);
      if (done) break;
      length += value.length;
      if (length > maxBytes) throw tooLong();
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => {});
    if (error instanceof Problem) throw error;
    throw new Problem(400, "INCOMPLETE", "read the body: it ended before it was complete");
  } finally {
    clearTimeout(timer);
  }
  return joined(chunks, length);
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}
