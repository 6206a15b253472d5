/** Small helps of the host tests: hex, vectors, damaged copies, keys with fixed seeds. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";

export const hex = (value: Uint8Array) => Buffer.from(value).toString("hex");
export const bytes = (text: string) => new Uint8Array(Buffer.from(text, "hex"));

/** Reads `name hex` lines of a file in test/vectors; # begins a comment. */
export function readVector(path: string): Record<string, Uint8Array> {
  const text = readFileSync(new URL(`../vectors/${path}`, import.meta.url), "utf8");
  const out: Record<string, Uint8Array> = {};
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith("#")) continue;
    const [name, value] = line.split(" ");
    out[name!] = bytes(value!);
  }
  return out;
}

/** A copy with one bit turned. */
export function flipBit(value: Uint8Array, bit: number): Uint8Array {
  const out = new Uint8Array(value);
  out[bit >> 3]! ^= 1 << (bit & 7);
  return out;
}

const cache = new Map<string, LmsPrivateKey>();

/** A key whose secret follows from a small number; made once per test process. */
export function lmsTestKey(height: number, number: number): LmsPrivateKey {
  const name = `${height}/${number}`;
  const known = cache.get(name);
  if (known !== undefined) return known;
  const material = new Uint8Array(createHash("sha512").update(`test key ${name}`).digest());
  const key = LmsPrivateKey.generate({
    height,
    identifier: material.slice(0, 16),
    seed: material.slice(16, 40),
  });
  cache.set(name, key);
  return key;
}
