/** Payloads of an origin, read in ranges, checked by their digest and kept in memory up to a bound. */
import { createHash } from "node:crypto";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Clock, Log } from "../core/ports.ts";
import { cacheBytesMax, failedPauseMs, rangeBytes } from "./limits.ts";
import type { Origin } from "./port.ts";

export interface Payloads {
  /** Stores a payload under its digest. @throws AgentError OriginUnreachable */
  put(digest: string, bytes: Uint8Array): Promise<void>;
  /** Reads a payload, whole and checked. @throws AgentError OriginUnreachable, PayloadDamaged */
  load(digest: string, sizeBytes: number): Promise<Uint8Array>;
  /** The same for whoever must not wait: within a transaction, say.
   *  @returns "loading" when it is being fetched, or could not be and is tried again later */
  now(digest: string, sizeBytes: number): Promise<Uint8Array | "loading">;
}

export function createPayloads(
  origin: Origin,
  edges: { clock: Clock; log: Log },
  options: { cacheBytes?: number } = {},
): Payloads {
  const { cacheBytes = cacheBytesMax } = options;
  /** the one used longest ago comes first */
  const kept = new Map<string, Uint8Array>();
  const under = new Map<string, Promise<Uint8Array>>();
  const failedMs = new Map<string, number>();
  let keptBytes = 0;

  const keep = (digest: string, bytes: Uint8Array) => {
    kept.set(digest, bytes);
    keptBytes += bytes.length;
    for (const [oldest, { length }] of kept) {
      if (keptBytes <= cacheBytes || kept.size === 1) break;
      kept.delete(oldest);
      keptBytes -= length;
    }
  };
  const known = (digest: string): Uint8Array | null => {
    const bytes = kept.get(digest);
    if (bytes === undefined) return null;
    kept.delete(digest);
    kept.set(digest, bytes);
    return bytes;
  };
  const fetchWhole = async (digest: string, sizeBytes: number): Promise<Uint8Array> => {
    // Bytes may be wrong on the way as well as at rest; another look tells.
    for (let tries = 0; ; tries++) {
      const bytes = new Uint8Array(sizeBytes);
      for (let offset = 0; offset < sizeBytes; offset += rangeBytes) {
        const length = Math.min(rangeBytes, sizeBytes - offset);
        bytes.set(await origin.read(digest, offset, length), offset);
      }
      const found = createHash("sha256").update(bytes).digest("hex");
      if (found === digest) return bytes;
      edges.log.warn({ origin: origin.name, digest, found }, "origin gave other bytes");
      if (tries === 0) continue;
      const wanted = `expected digest ${digest.slice(0, 16)}, got ${found.slice(0, 16)}`;
      throw new AgentError(AgentCode.PayloadDamaged, `${origin.name}: payload: ${wanted}`);
    }
  };
  const load = (digest: string, sizeBytes: number): Promise<Uint8Array> => {
    const bytes = known(digest);
    if (bytes !== null) return Promise.resolve(bytes);
    let run = under.get(digest);
    if (run === undefined) {
      run = fetchWhole(digest, sizeBytes)
        .then((whole) => {
          failedMs.delete(digest);
          keep(digest, whole);
          return whole;
        })
        .catch((err) => {
          failedMs.set(digest, edges.clock.nowMs());
          edges.log.error({ err, origin: origin.name, digest }, "payload could not be read");
          throw err;
        })
        .finally(() => under.delete(digest));
      under.set(digest, run);
    }
    return run;
  };

  return {
    load,
    async put(digest, bytes) {
      await origin.put(digest, bytes);
    },
    async now(digest, sizeBytes) {
      const bytes = known(digest);
      if (bytes !== null) return bytes;
      const sinceMs = edges.clock.nowMs() - (failedMs.get(digest) ?? Number.NEGATIVE_INFINITY);
      if (sinceMs >= 0 && sinceMs < failedPauseMs) return "loading";
      // Its failure was told in the log; the device asks again.
      const loading = load(digest, sizeBytes).catch(() => "loading" as const);
      return origin.isLocal ? loading : "loading";
    },
  };
}
