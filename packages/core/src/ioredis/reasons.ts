/**
 * Why a server is not reached, in words that say what a person can do. Known codes have words of their own; of others
 * the text of the socket is told.
 */

import { messageOf } from "./replies.js";

const REASONS: ReadonlyMap<string, string> = new Map([
  ["ECONNREFUSED", "connection refused; check that Redis runs there, and host and port"],
  ["ENOTFOUND", "its host name is not known; check the name and DNS"],
  ["EAI_AGAIN", "its host name could not be looked up; check DNS"],
  ["ETIMEDOUT", "connecting timed out; check host, port and firewall"],
  ["EHOSTUNREACH", "no route to the host; check host and network"],
  ["ENETUNREACH", "no route to the network; check host and network"],
  ["ENOENT", "there is no such socket; check the path"],
  ["ENOTSOCK", "the path is not that of a socket; check the path"],
  ["EACCES", "this process may not open the socket; check its permissions"],
  ["ECONNRESET", "the connection was reset"],
  ["EPIPE", "the connection was closed by the other side"],
  [
    "ERR_SSL_WRONG_VERSION_NUMBER",
    "the server does not speak TLS on this port; use redis:// or its TLS port",
  ],
  [
    "ERR_SSL_PACKET_LENGTH_TOO_LONG",
    "the server does not speak TLS on this port; use redis:// or its TLS port",
  ],
  ["DEPTH_ZERO_SELF_SIGNED_CERT", "its TLS certificate is self-signed; name it as ca in the option tls"],
  [
    "SELF_SIGNED_CERT_IN_CHAIN",
    "its TLS certificate is of an unknown authority; name that as ca in the option tls",
  ],
  [
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
    "its TLS certificate is of an unknown authority; name that as ca in the option tls",
  ],
  [
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "its TLS certificate is of an unknown authority; name that as ca in the option tls",
  ],
  ["CERT_HAS_EXPIRED", "its TLS certificate has expired"],
  [
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "its TLS certificate is for another host name; set servername in the option tls",
  ],
]);

/** What is told of the trouble that keeps a connection from being ready: its cause only where it says more. */
export function toldOf(trouble: unknown): { readonly reason?: string; readonly cause?: unknown } {
  if (trouble === undefined) return {};
  const reason = reasonOf(trouble);
  return reason === messageOf(trouble) ? { reason } : { reason, cause: trouble };
}

/** What the reason of an error is called, without the target, which stands before it. */
export function reasonOf(error: unknown): string {
  const text = messageOf(error);
  const known = REASONS.get(codeOf(error) ?? "");
  if (known !== undefined) return known;
  if (text.startsWith("Protocol error"))
    return "what listens there does not speak the protocol of Redis; check the port";
  const [, last] = /^All sentinels are unreachable.*?(?:Last error: (.*))?$/s.exec(text) ?? [];
  if (last !== undefined) return `no Sentinel answers (${last})`;
  return text;
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const code: unknown = Reflect.get(error, "code");
  if (typeof code === "string") return code;
  // What a socket reports when each address of a host name failed has a code in some runtimes only.
  const errors: unknown = Reflect.get(error, "errors");
  return Array.isArray(errors) && errors.length > 0 ? codeOf(errors[0]) : undefined;
}
