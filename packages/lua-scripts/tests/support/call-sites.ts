/** Which places in the scripts were reached, and which commands they ran: scripts that note each call they make. */
import { createHash } from "node:crypto";
import type { Script } from "@sluice/lua-scripts";

/** A place is known by its text and what follows it, so that an include counts once for all scripts. */
function placesIn({ source }: Script): readonly string[] {
  const lines = source.split("\n").map((line) => line.trim());
  return lines.flatMap((line, at) => {
    const calls = line.match(/redis\.p?call\(/g) ?? [];
    return calls.map((_, nth) => `${line} ${lines[at + 1] ?? ""} ${lines[at + 2] ?? ""} (${nth})`);
  });
}

/** Every place in these scripts. */
export function placesOf(scripts: readonly Script[]): readonly string[] {
  return [...new Set(scripts.flatMap(placesIn))];
}

/** How a command that a script has run is noted. */
export function commandOf(script: Script, command: string): string {
  return `${script.name} ${command}`;
}

/** The script, noting each place and each command in a HASH before the call. */
export function noting(script: Script, hash: string): Script {
  const places = placesIn(script);
  let nth = -1;
  const body = script.source.replace(/redis\.p?call(?=\()/g, (call) => {
    nth += 1;
    return `__noted(${JSON.stringify(places[nth])}, ${call})`;
  });
  const noted = `local function __noted(place, call)
    return function(command, ...)
      redis.call("HSET", "${hash}", place, 1, "${commandOf(script, "")}" .. command, 1)
      return call(command, ...)
    end
  end`;
  const source = `${noted}\n${body}`;
  return { ...script, source, sha1: createHash("sha1").update(source).digest("hex") };
}

/** The script as it finds itself on Redis before 7.0, which does not tell how many entries were ever added. */
export function before70(script: Script): Script {
  const source = script.source.replaceAll('"entries-added"', '"not-told"').replaceAll('"lag"', '"not-told"');
  return { ...script, source, sha1: createHash("sha1").update(source).digest("hex") };
}
