/** What this package uses of Deno, by structure, so that it compiles where Deno's own types are not known. */

/** The part of `Deno` that is about permissions. */
export interface DenoRuntime {
  readonly env: { toObject(): Record<string, string> };
  readonly permissions: { request(descriptor: PermissionDescriptor): Promise<PermissionStatus> };
}

/** What may be asked for. */
export type PermissionDescriptor =
  | { readonly name: "net"; readonly host: string }
  | { readonly name: "read" | "write"; readonly path: string };

/** What Deno answers. */
export interface PermissionStatus {
  readonly state: "granted" | "prompt" | "denied";
}

/** The runtime that this code runs in; undefined in others, which have no permissions to ask for. */
export function currentDeno(): DenoRuntime | undefined {
  // A global of that name is Deno's; a test for its compiler wants the interface to fit it.
  return Reflect.get(globalThis, "Deno") as DenoRuntime | undefined;
}
