import type { Board } from "../../../boards/types.ts";

/** Header of a Storage file: u32le size, zero-padded name. */
export function fileHeader(name: string, bytes: number): Uint8Array {
  const out = new Uint8Array(32);
  new DataView(out.buffer).setUint32(0, bytes, true);
  out.set(Buffer.from(name, "latin1"), 4);
  return out;
}

/** A Storage image as the factory makes it: `slots` over the first pages, `core` on its page, `.boot0` to the last byte. */
export function composeStorage(board: Board, boot0: string, core = "0"): Uint8Array {
  const { pageBytes, plan } = board;
  const image = new Uint8Array(pageBytes * plan.totalPages).fill(255);
  const coreAddr = plan.corePage * pageBytes;
  const coreBytes = Math.ceil(core.length / 8) * 8;
  const bootAddr = coreAddr + 32 + coreBytes;
  const bootBytes = image.length - bootAddr - 32;
  if (boot0.length > bootBytes) throw new Error(`boot text: ${boot0.length} of ${bootBytes} bytes`);
  image.set(fileHeader("slots", coreAddr - 32), 0);
  image.set(fileHeader("core", coreBytes), coreAddr);
  image.set(Buffer.from(core.padEnd(coreBytes), "latin1"), coreAddr + 32);
  image.set(fileHeader(".boot0", bootBytes), bootAddr);
  image.set(Buffer.from(boot0.padEnd(bootBytes), "latin1"), bootAddr + 32);
  return image;
}

/** Storage with plain files one behind the other and nothing after them. */
export function plainFiles(
  pageBytes: number,
  pages: number,
  files: Record<string, string | Uint8Array>,
): Uint8Array {
  const image = new Uint8Array(pageBytes * pages).fill(255);
  let at = 0;
  for (const [name, content] of Object.entries(files)) {
    const data = typeof content === "string" ? Buffer.from(content, "latin1") : content;
    image.set(fileHeader(name, data.length), at);
    image.set(data, at + 32);
    at += 32 + Math.ceil(data.length / 4) * 4;
  }
  return image;
}
