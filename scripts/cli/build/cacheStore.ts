/** Results of build steps between runs: one file per result, named by what went into it. Nothing here is needed: a
 *  folder that is missing, full, read-only or damaged costs time only. */
import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export interface Store {
  /** of everything that makes results out of inputs: the build's own code and the versions of its libraries */
  toolDigest: string;
  /** @returns undefined when it is not kept, or not as it was written */
  read(key: string): string | undefined;
  write(key: string, text: string): void;
}

/** Bytes from which on the oldest results are deleted, down to half of it. */
export const cacheBytesMax = 128 * 1024 * 1024;

/** Where results are kept: `FLEETLING_BUILD_CACHE` names a folder, or "off"; else `node_modules/.cache/fleetling` of the
 *  working folder, where there is a `node_modules`.
 *  @returns null: nowhere */
export function cacheFolder(env = process.env, dir = process.cwd()): string | null {
  const told = env.FLEETLING_BUILD_CACHE;
  if (told === "off") return null;
  if (told) return told;
  const modules = join(dir, "node_modules");
  return existsSync(modules) ? join(modules, ".cache/fleetling") : null;
}

/** @param folder null: there is no store
 *  @param bytesMax see cacheBytesMax */
export function openStore(folder: string | null, bytesMax = cacheBytesMax): Store | null {
  if (!folder) return null;
  const toolDigest = digestOfTools();
  let isWritable = true;
  const fileOf = (key: string) => join(folder, key);
  return {
    toolDigest,
    read(key) {
      try {
        const file = readFileSync(fileOf(key), "utf8");
        const text = file.slice(65);
        // A machine that lost power may leave a file with holes.
        return file.slice(0, 64) === digest(text) ? text : undefined;
      } catch (error) {
        if (isFileError(error)) return undefined;
        throw error;
      }
    },
    write(key, text) {
      if (!isWritable) return;
      const draft = fileOf(`${key}.${randomBytes(6).toString("hex")}`);
      try {
        mkdirSync(folder, { recursive: true });
        writeFileSync(draft, `${digest(text)}\n${text}`);
        // Others may be reading: a result appears whole.
        renameSync(draft, fileOf(key));
        // Few runs write, and fewer reach the limit: a look now and then keeps the folder in bounds.
        if (key.startsWith("00")) prune(folder, bytesMax);
      } catch (error) {
        if (!isFileError(error)) throw error;
        isWritable = false;
      }
    },
  };
}

/** Deletes the oldest files of a folder down to half of its limit, once it is over it. */
export function prune(folder: string, bytesMax: number): void {
  const files = readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    // Another process may have deleted it since.
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat ? [{ path, bytes: stat.size, atMs: stat.mtimeMs }] : [];
  });
  let bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  if (bytes <= bytesMax) return;
  files.sort((a, b) => a.atMs - b.atMs);
  for (const file of files) {
    if (bytes <= bytesMax / 2) return;
    rmSync(file.path, { force: true });
    bytes -= file.bytes;
  }
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function isFileError(error: unknown): boolean {
  return typeof (error as NodeJS.ErrnoException).code === "string" && "errno" in (error as object);
}

const libraries = ["@babel/core", "terser", "esbuild"];

/** A change of the build or of a library's version makes all results new. */
function digestOfTools(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  const require = createRequire(import.meta.url);
  const hash = createHash("sha256");
  for (const name of readdirSync(here).sort())
    hash.update(`${name}\n`).update(readFileSync(join(here, name)));
  // Babel's plugins come with the project's own package file, which names each by its version.
  hash.update(readFileSync(join(here, "../../../package.json")));
  for (const name of libraries) hash.update(`${name} ${require(`${name}/package.json`).version}\n`);
  return hash.update(process.version).digest("hex");
}
