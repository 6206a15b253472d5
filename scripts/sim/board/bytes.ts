/** Flattens what Espruino's native functions take as data: numbers, Latin-1 strings, byte arrays, buffers, lists of
 *  these and {data, count}. Values may come from any context.
 *  @throws TypeError-like message by `fail` for anything else
 *  Source: interpreter src/jsvariterator.c jsvIterateCallback */
export function toBytes(data: unknown, fail: (message: string) => Error): Uint8Array {
  if (data instanceof Uint8Array) return data.slice();
  const pieces: Piece[] = [];
  const total = collect(data, pieces, fail);
  const out = new Uint8Array(total);
  let at = 0;
  for (const piece of pieces) {
    if (typeof piece === "number") out[at++] = piece;
    else {
      out.set(piece, at);
      at += piece.length;
    }
  }
  return out;
}

/** As toBytes, but bytes of this world are returned as they are: for those who only read them. */
export function viewBytes(data: unknown, fail: (message: string) => Error): Uint8Array {
  return data instanceof Uint8Array ? data : toBytes(data, fail);
}

type Piece = number | Uint8Array;

/** @returns bytes found */
function collect(data: unknown, out: Piece[], fail: (message: string) => Error): number {
  if (typeof data === "number" || typeof data === "boolean") {
    out.push(Number(data) & 255);
    return 1;
  }
  if (Array.isArray(data)) {
    let total = 0;
    for (let i = 0; i < data.length; i++) total += collect(data[i], out, fail);
    return total;
  }
  if (typeof data === "string" && data.length < shortTextChars) {
    for (let i = 0; i < data.length; i++) out.push(data.charCodeAt(i) & 255);
    return data.length;
  }
  const run = bytesIn(data);
  if (run) {
    out.push(run);
    return run.length;
  }
  if (!isRepeat(data))
    throw fail(`Expecting a number or something iterable, got ${typeName(data)}`);
  let total = 0;
  for (let i = 0; i < data.count; i++) total += collect(data.data, out, fail);
  return total;
}

/** Below it, single numbers are quicker than a buffer. */
const shortTextChars = 48;

function bytesIn(data: unknown): Uint8Array | undefined {
  // Looking at `buffer` costs an allocation, so bytes of this world are taken as they are.
  if (data instanceof Uint8Array) return data;
  if (typeof data === "string") return Buffer.from(data, "latin1");
  if (ArrayBuffer.isView(data)) {
    const view = data as Uint8Array;
    if (view.BYTES_PER_ELEMENT !== 1) return Uint8Array.from(view);
    return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  }
  return isBuffer(data) ? new Uint8Array(data) : undefined;
}

/** True for an ArrayBuffer of any context. */
export function isBuffer(data: unknown): data is ArrayBuffer {
  return Object.prototype.toString.call(data) === "[object ArrayBuffer]";
}

function isRepeat(data: unknown): data is { data: unknown; count: number } {
  return typeof data === "object" && data !== null && "data" in data && "count" in data;
}

function typeName(data: unknown): string {
  if (data === undefined) return "undefined";
  if (data === null) return "null";
  return typeof data === "function" ? "Function" : "Object";
}

/** Text whose characters are the bytes. */
export function latin1(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1");
}

/** Bytes of a text whose characters are all below 256. */
export function fromLatin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}
