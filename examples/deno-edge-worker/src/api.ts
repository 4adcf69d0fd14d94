/** The worker's HTTP interface: which request is answered by what. */

import type { Bus, Logger } from "@sluice/deno";
import type { Billing } from "./billing.ts";
import type { events } from "./catalog.ts";
import { answerTo, Problem, problemOf } from "./problems.ts";
import { checkTenant, publish, readEvent } from "./publishing.ts";

export interface ApiParts {
  readonly bus: Bus<"multi", typeof events.schemas>;
  readonly tenants: readonly string[];
  readonly billing: Billing;
  readonly log: Logger;
}

type Answer = (request: Request, path: URLPatternResult) => Promise<Response> | Response;

interface Route {
  readonly pattern: URLPattern;
  readonly method: "GET" | "POST";
  readonly answer: Answer;
}

/** Answers every request, and never rejects. */
export function createApi(parts: ApiParts): (request: Request) => Promise<Response> {
  const routes: readonly Route[] = [
    {
      pattern: new URLPattern({ pathname: "/tenants/:tenant/events" }),
      method: "POST",
      answer: (request, path) => postEvent(parts, request, path.pathname.groups.tenant ?? ""),
    },
    {
      pattern: new URLPattern({ pathname: "/livez" }),
      method: "GET",
      answer: () => Response.json({ status: "ok" }),
    },
    { pattern: new URLPattern({ pathname: "/readyz" }), method: "GET", answer: () => readiness(parts) },
  ];
  return async (request) => {
    try {
      return await route(routes, request);
    } catch (error) {
      return answerTo(problemOf(error, parts.log));
    }
  };
}

async function route(routes: readonly Route[], request: Request): Promise<Response> {
  for (const { pattern, method, answer } of routes) {
    const path = pattern.exec(request.url);
    if (path === null) continue;
    // Deno leaves out the body of an answer to HEAD.
    if (request.method === method || (request.method === "HEAD" && method === "GET")) {
      return await answer(request, path);
    }
    const allow = method === "GET" ? "GET, HEAD" : method;
    throw new Problem(405, "WRONG_METHOD", `${request.method} this path: wanted ${allow}`, {
      headers: { allow },
    });
  }
  throw new Problem(404, "NOT_FOUND", "find this path: there is /tenants/:tenant/events, /livez and /readyz");
}

async function postEvent({ bus, tenants, log }: ApiParts, request: Request, name: string): Promise<Response> {
  const tenant = checkTenant(bus, tenants, name);
  const asked = await readEvent(request);
  try {
    return await publish(bus, tenant, asked);
  } catch (error) {
    return answerTo(problemOf(error, log), { idempotencyKey: asked.idempotencyKey });
  }
}

/** Ready is who can publish and handle: Redis answers, and every consumer runs. Degraded is ready. */
async function readiness({ bus, billing }: ApiParts): Promise<Response> {
  const health = await bus.health();
  const checks = Object.fromEntries(health.checks.map(({ name, status }) => [name, status]));
  for (const tenant of billing.stopped) checks[`consumer:${tenant}`] = "down";
  const ready = health.status !== "down" && billing.stopped.size === 0;
  return Response.json({ status: ready ? health.status : "down", checks }, { status: ready ? 200 : 503 });
}
