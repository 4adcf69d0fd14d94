/**
 * Servers die with the process that started them, also when that one is killed with SIGKILL and no code of
 * ours runs.
 *
 * A shell holds the reading end of a pipe whose writing end only we have. A line on it means that the server
 * was ended in order; the end of the pipe without a line means that we are gone, in whatever way, and the
 * shell ends the server and removes its folder. A shell, because it costs a megabyte where a Node process
 * costs forty.
 */

import { spawn } from "node:child_process";

const script = 'read -r _ && exit 0; kill -9 "$1" 2>/dev/null; rm -rf -- "$2"';

/**
 * Watches over one process of ours and the temporary folder it works in.
 *
 * @returns tells the guardian that the process has ended and that the folder is ours to remove.
 */
export function guard(pid: number, folder: string): () => void {
  const shell = spawn("/bin/sh", ["-c", script, "sluice-guardian", String(pid), folder], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    // A group of its own, so that Ctrl-C, which a terminal sends to the whole group, does not end it before
    // its work.
    detached: true,
  });
  shell.on("error", () => {});
  shell.stdin.on("error", () => {});
  shell.unref();
  // The pipe must not keep the event loop alive. Node gives a ChildProcess pipes that are net.Sockets, typed
  // as Writable, so that the cast only states what is there.
  (shell.stdin as unknown as { unref(): void }).unref();
  return () => shell.stdin.end("ended\n");
}
