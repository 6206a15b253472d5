import { createHash } from "node:crypto";

/** One erase page with what the simulation knows about it. */
export interface Page {
  bytes: Uint8Array;
  /** one byte per write unit: 1 = written since the last erase */
  programmed: Uint8Array;
  /** bits that read either way until rewritten; null = none */
  unstable: Uint8Array | null;
  /** unit writes per block since the last erase */
  blockWrites: Uint16Array;
  /** an erase was cut short: only another erase makes the page fit for use */
  tornErase: boolean;
  /** another flash (a fork) reads the same arrays: copy before writing */
  shared: boolean;
  erases: number;
  writes: number;
  /** of all that a later read, write or erase of the page depends on; "" = not known since the last change */
  fingerprint: string;
}

/** Makes a page from its bytes; whatever is not blank counts as written. */
export function pageOf(bytes: Uint8Array, unitBytes: number, blockBytes: number): Page {
  const programmed = new Uint8Array(Math.ceil(bytes.length / unitBytes));
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== 255) programmed[Math.floor(i / unitBytes)] = 1;
  }
  return {
    bytes,
    programmed,
    unstable: null,
    blockWrites: new Uint16Array(blockBytes ? Math.ceil(bytes.length / blockBytes) : 0),
    tornErase: false,
    shared: false,
    erases: 0,
    writes: 0,
    fingerprint: "",
  };
}

/** A page of its own with the same contents. */
export function copyPage(page: Page): Page {
  return {
    ...page,
    bytes: page.bytes.slice(),
    programmed: page.programmed.slice(),
    unstable: page.unstable?.slice() ?? null,
    blockWrites: page.blockWrites.slice(),
    shared: false,
  };
}

/** Marks all of a page as freshly erased, in place. */
export function blankPage(page: Page): void {
  page.bytes.fill(255);
  page.programmed.fill(0);
  page.unstable = null;
  page.blockWrites.fill(0);
  page.tornErase = false;
}

/** Sixteen characters that tell pages apart by their bits, and by what has been written since the last erase. */
export function fingerprintOf(page: Page): string {
  if (!page.fingerprint) {
    const sum = createHash("md5").update(page.bytes).update(page.programmed);
    if (page.unstable) sum.update(page.unstable);
    if (page.blockWrites.length) sum.update(page.blockWrites);
    sum.update(page.tornErase ? "torn" : "");
    page.fingerprint = sum.digest("base64").slice(0, 16);
  }
  return page.fingerprint;
}
