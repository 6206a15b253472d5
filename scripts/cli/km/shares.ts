/** A master key in shares: any `threshold` of them give it back, fewer tell nothing. */
import { createHash, randomBytes } from "node:crypto";
import { combine, split } from "shamir-secret-sharing";
import { z } from "zod";
import { masterKeyCheck } from "../../../cloud-agent/platform/masterKeys.ts";
import { ToolError } from "../keys/errors.ts";

/** One share, as its file says it. Its own checksum finds a slip of the pen before it spoils the others. */
export interface Share {
  kind: "fleetling-km-share";
  kmId: number;
  /** the same in all shares of one backup, 16 hex digits */
  set: string;
  /** shares that are needed, and shares that were made */
  threshold: number;
  shares: number;
  index: number;
  /** of the whole key: `masterKeyCheck` */
  keyCheck: string;
  /** hex */
  data: string;
  /** SHA-256 over the other fields, first 16 hex digits */
  checksum: string;
}

const sharesMax = 20;
const hexText = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const schema = z.strictObject({
  kind: z.literal("fleetling-km-share"),
  kmId: z.number().int().min(1).max(0xffff_ffff),
  set: hexText(16),
  threshold: z.number().int().min(2).max(sharesMax),
  shares: z.number().int().min(2).max(sharesMax),
  index: z.number().int().min(1).max(sharesMax),
  keyCheck: hexText(32),
  data: hexText(66),
  checksum: hexText(16),
});

/** Splits a key. @param of 2..20 shares, `threshold` of them needed; @throws ToolError KM_SHARES */
export async function makeShares(
  key: Uint8Array,
  kmId: number,
  { threshold, of }: { threshold: number; of: number },
): Promise<Share[]> {
  if (!(threshold >= 2 && threshold <= of && of <= sharesMax)) {
    throw refused("--threshold, --shares", `2 <= threshold <= shares <= ${sharesMax}`, {
      found: `threshold ${threshold}, shares ${of}`,
      next: "Three of five is a good start.",
    });
  }
  const set = randomBytes(8).toString("hex");
  const parts = await split(key, of, threshold);
  return parts.map((part, at) => {
    const share = {
      kind: "fleetling-km-share" as const,
      kmId,
      set,
      threshold,
      shares: of,
      index: at + 1,
      keyCheck: masterKeyCheck(key),
      data: Buffer.from(part).toString("hex"),
    };
    return { ...share, checksum: checksumOf(share) };
  });
}

/** Reads one share. @throws ToolError KM_SHARES when it is not one, or was changed */
export function parseShare(text: string, place: string): Share {
  let parsed: ReturnType<typeof schema.safeParse>;
  try {
    parsed = schema.safeParse(JSON.parse(text));
  } catch {
    throw refused(place, "a share file", {
      found: "no JSON",
      next: "Name the files that fleetling km backup made.",
    });
  }
  if (!parsed.success) {
    throw refused(place, "a share file", {
      found: z.prettifyError(parsed.error).replaceAll("\n", "; "),
      next: "Compare it with the paper or medium it came from.",
    });
  }
  if (checksumOf(parsed.data) === parsed.data.checksum) return parsed.data;
  throw refused(place, `checksum ${parsed.data.checksum}`, {
    found: checksumOf(parsed.data),
    next: "A character differs from the original; use this share's other copy, or another share.",
  });
}

/** Puts a key together again. @throws ToolError KM_SHARES for shares of different backups, one share twice, too few */
export async function combineShares(shares: Share[]): Promise<{ kmId: number; key: Uint8Array }> {
  const first = shares[0];
  const needed = first?.threshold ?? 2;
  const foreign = shares.find((share) => share.set !== first?.set);
  if (foreign) {
    throw refused("shares", `all of backup ${first!.set}`, {
      found: `share ${foreign.index} of backup ${foreign.set}`,
      next: "Give shares of one backup only.",
    });
  }
  const distinct = [...new Map(shares.map((share) => [share.index, share])).values()];
  if (!first || distinct.length < needed) {
    throw refused("shares", `${needed} different ones`, {
      found: String(distinct.length),
      next: "Fetch more shares; fewer tell nothing about the key.",
    });
  }
  const parts = distinct.slice(0, needed).map((share) => Buffer.from(share.data, "hex"));
  const key = await combine(parts.map((part) => new Uint8Array(part)));
  if (masterKeyCheck(key) !== first.keyCheck) {
    throw refused("shares", `the key whose check is ${first.keyCheck}`, {
      found: masterKeyCheck(key),
      next: "One share is wrong although its checksum holds; try another combination.",
    });
  }
  return { kmId: first.kmId, key };
}

function checksumOf(share: Omit<Share, "checksum">): string {
  const { kind, kmId, set, threshold, shares, index, keyCheck, data } = share;
  const text = [kind, kmId, set, threshold, shares, index, keyCheck, data].join("|");
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

function refused(
  object: string,
  expected: string,
  { found, next }: { found: string; next: string },
): ToolError {
  return new ToolError("KM_SHARES", { object, expected, found, next });
}
