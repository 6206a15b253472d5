/** Flattens what Espruino's native functions take as data: numbers, Latin-1 strings, byte arrays, buffers, lists of
 *  these and {data, count}. Values may come from any context.
 *  @throws TypeError-like message by `fail` for anything else
 *  Source: interpreter src/jsvariterator.c jsvIterateCallback */
export function toBytes(data: unknown, fail: (message: string) => Error): Uint8Array {
  const out: number[] = [];
  collect(data, out, fail);
  return Uint8Array.from(out);
}

function collect(data: unknown, out: number[], fail: (message: string) => Error): void {
  if (typeof data === "number") out.push(data & 255);
  else if (typeof data === "boolean") out.push(data ? 1 : 0);
  else if (typeof data === "string")
    for (let i = 0; i < data.length; i++) out.push(data.charCodeAt(i) & 255);
  else if (ArrayBuffer.isView(data)) for (const item of data as Uint8Array) out.push(item & 255);
  else if (isBuffer(data)) for (const item of new Uint8Array(data)) out.push(item);
  else if (Array.isArray(data)) for (const item of data) collect(item, out, fail);
  else if (isRepeat(data)) for (let i = 0; i < data.count; i++) collect(data.data, out, fail);
  else throw fail(`Expecting a number or something iterable, got ${typeName(data)}`);
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
