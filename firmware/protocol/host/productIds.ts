/** Ids that name a product on a board: made by the factory and the signing desk, recomputed by the agent. */
import { createHash } from "node:crypto";

const dnsNamespace = Buffer.from("6ba7b8109dad11d180b400c04fd430c8", "hex");

/** UUIDv5 (RFC 9562 §5.5) as 16 bytes. */
export function uuid5(namespace: Uint8Array, name: string): Uint8Array {
  const h = createHash("sha1").update(namespace).update(name, "utf8").digest().subarray(0, 16);
  h[6] = (h[6]! & 0x0f) | 0x50;
  h[8] = (h[8]! & 0x3f) | 0x80;
  return new Uint8Array(h);
}

/** Class id of a model on a board. Source: SPEC.md §2.1 */
export function classIdOf(vendorId: Uint8Array, model: string, boardId: string): Uint8Array {
  return uuid5(vendorId, `${model}@${boardId}`);
}

/** Vendor id of a domain, class id of a model on a board (SPEC.md §2.1). */
export function productIds(vendorDomain: string, model: string, boardId: string) {
  const vendorId = uuid5(dnsNamespace, vendorDomain);
  return { vendorId, classId: classIdOf(vendorId, model, boardId) };
}
