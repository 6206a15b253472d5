/** The ports through which device code touches the world. hal/espruino.ts is the only implementation on a device.
 *  Where the interpreter has the very function, the port is that function: a wrapper would cost eight variables. */

export type Bytes = Uint8Array;
/** What `cat` flattens: bytes, Latin-1 strings, numbers of which the low byte counts, and lists of these. */
export type Piece = number | string | Bytes | readonly Piece[];

export interface Hal {
  /** Joins pieces into one array of bytes. */
  cat(piece: Piece): Bytes;
  /** Latin-1 text of bytes, at least one. */
  str(b: Bytes): string;
  sha(data: Bytes | string): Bytes;
  /** The native hash itself, for loops that cannot pay for a call around it: 32 bytes that `set` takes as they come. */
  hash(data: Bytes | string): ArrayLike<number>;
  /** CRC-32, IEEE. */
  crc(data: Bytes | string): number;
  /** AES-128-CTR from counter zero over data; a key is for one message. Only called where the board has it. */
  aes(key: Bytes, data: Bytes): Bytes;
  /** Flash addresses count from the start of Storage; below zero they lie before it. */
  read(addr: number, len: number): Bytes;
  /** Whole write units only; reads back. @throws Code.FlashUnaligned, Code.FlashWrite */
  write(addr: number, data: Bytes): void;
  /** Erases the page that begins at addr; reads back. @throws Code.FlashErase */
  erase(addr: number): void;
  /** Text in file `slots` or `core`, or before Storage, in place where the chip allows it. */
  text(addr: number, len: number): string;
  /** Evaluates a text globally and returns its value. */
  run(text: string): unknown;
  /** Monotonic milliseconds since start. */
  ms(): number;
  after(fn: () => void, ms: number): unknown;
  every(fn: () => void, ms: number): unknown;
  /** Only with a handle that `after` gave. */
  cancel(handle: unknown): void;
  reboot(): void;
}
