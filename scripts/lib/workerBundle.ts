import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const folder = fileURLToPath(new URL("../../node_modules/.cache/fleetling", import.meta.url));
let made = 0;

/** Bundles the program of worker processes: it plays faster than what a loader translates file by file.
 *  @param entry of the program @returns a file that no other call has; whoever asked for it removes it */
export async function bundleWorker(entry: URL, name: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const file = `${folder}/${name}-${process.pid}-${made++}.mjs`;
  await build({
    entryPoints: [fileURLToPath(entry)],
    outfile: file,
    ...{ bundle: true, format: "esm", platform: "node", target: "node20", packages: "external" },
    logLevel: "silent",
  });
  return file;
}

/** How such a program is started: most of what it leaves behind is garbage at once, and a large nursery saves a fifth of
 *  the time. */
export const workerOptions = {
  execArgv: ["--max-semi-space-size=64"],
  serialization: "advanced" as const,
};
