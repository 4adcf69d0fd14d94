// @ts-check
// For Deno's compiler, which knows `Deno`: the interface fits what it describes.

/** @type {import("../../src/runtime.ts").DenoRuntime} */
export const runtime = Deno;
