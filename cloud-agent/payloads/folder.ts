import { mkdirSync } from "node:fs";
import { open, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Origin } from "./port.ts";

/** Payloads as files of a folder, which any web server may give out too: DIGEST[0..1]/DIGEST.
 *  @throws AgentError ConfigInvalid when the folder cannot be made */
export function folderOrigin(folder: string): Origin {
  const name = `folder ${folder}`;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
  } catch (cause) {
    const text = `payloads: expected a folder at ${folder}, got: ${(cause as Error).message}`;
    throw new AgentError(AgentCode.ConfigInvalid, text, { cause });
  }
  const place = (digest: string) => join(folder, digest.slice(0, 2), digest);
  const failed = (digest: string, cause: unknown) => {
    const text = `${name}: expected payload ${digest.slice(0, 16)}, got: ${(cause as Error).message}`;
    return new AgentError(AgentCode.OriginUnreachable, text, { cause });
  };
  return {
    ...{ name, isLocal: true },
    async put(digest, bytes) {
      const path = place(digest);
      try {
        mkdirSync(join(folder, digest.slice(0, 2)), { recursive: true, mode: 0o750 });
        const found = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
          if (cause.code === "ENOENT") return null;
          throw cause;
        });
        if (found !== null && Buffer.compare(found, bytes) === 0) return;
        // A power cut leaves the old name or the whole file, never half of it.
        const part = `${path}.${process.pid}.part`;
        await writeFile(part, bytes, { mode: 0o640, flush: true });
        await rename(part, path);
      } catch (cause) {
        throw failed(digest, cause);
      }
    },
    async read(digest, offset, length) {
      try {
        const file = await open(place(digest), "r");
        try {
          const bytes = new Uint8Array(length);
          const { bytesRead } = await file.read(bytes, 0, length, offset);
          if (bytesRead === length) return bytes;
          const finding = `expected ${length} bytes at ${offset}, got ${bytesRead}`;
          const text = `${name}: payload ${digest.slice(0, 16)}: ${finding}`;
          throw new AgentError(AgentCode.PayloadDamaged, text);
        } finally {
          await file.close();
        }
      } catch (cause) {
        throw cause instanceof AgentError ? cause : failed(digest, cause);
      }
    },
  };
}
