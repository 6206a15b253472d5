/** Bytes of a message on its way, without encoding it: CBOR by RFC 8949 §3, then frame and carrier. */

/** Sealed frame: kind, session, counter, tag (SPEC §4.1). */
const frameBytes = 25;
/** HELLO, CHAL and PROVE of one handshake without the check-in that rides on it, in both directions: SPEC §4, measured on
 *  encoded ones. */
export const handshakeBytes = 330;

/** What carries a frame: MQTT's fixed head, topic and packet id; or a line's framing between device and gateway. */
export const carrierBytes = { mqtt: 32, serial: 8 } as const;

function headBytes(count: number): number {
  return count < 24 ? 1 : count < 256 ? 2 : count < 65_536 ? 3 : count < 2 ** 32 ? 5 : 9;
}

/** Keys of digits alone; a look at the first is enough, because names begin with a letter. */
export function isNumber(key: string): boolean {
  const first = key.charCodeAt(0);
  return first >= 48 && first <= 57;
}

export function cborBytes(value: unknown): number {
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return 9;
    return headBytes(value < 0 ? -1 - value : value);
  }
  if (typeof value === "string") return headBytes(value.length) + value.length;
  if (value === null || value === undefined || typeof value === "boolean") return 1;
  if (value instanceof Uint8Array) return headBytes(value.length) + value.length;
  if (Array.isArray(value)) {
    let sum = headBytes(value.length);
    for (const item of value) sum += cborBytes(item);
    return sum;
  }
  let sum = 1;
  const object = value as Record<string, unknown>;
  for (const key in object) {
    sum += (isNumber(key) ? headBytes(Number(key)) : 1 + key.length) + cborBytes(object[key]);
  }
  return sum;
}

/** Bytes of one message with its frame and carrier. */
export function messageBytes(items: unknown, link: keyof typeof carrierBytes): number {
  return cborBytes(items) + frameBytes + carrierBytes[link];
}
