import { type Random, seededRandom } from "../random.ts";
import { blankPage, copyPage, fingerprintOf, type Page, pageOf } from "./page.ts";
import { type CutModel, cutPoint, PowerCut, tornErase, tornWrite } from "./powerCut.ts";
import { FlashRuleBroken, type FlashRules, type FlashViolation } from "./rules.ts";

/** Most violations that are kept; more are only counted. */
const violationsKeptMax = 100;

interface Cut {
  atOperation: number;
  model: CutModel;
}

/** What became of a page first. */
export const enum Touch {
  None = 0,
  /** what stood in it was lost before anything looked */
  Erased = 1,
  /** read, or written to */
  Used = 2,
}

/** The flash of one board, Storage and what it uses before it: bits are cleared by writing and set again only by erasing a page. */
export class NorFlash {
  readonly rules: FlashRules;
  /** writes and erases begun so far */
  operations = 0;
  /** write units programmed so far */
  unitsWritten = 0;
  violationCount = 0;
  /** another number after each change of the contents */
  stamp = 0;
  readonly violations: FlashViolation[] = [];
  /** throw FlashRuleBroken at the first violation instead of only recording it */
  strict = false;
  /** called at the beginning of each operation; a power-cut search lists its cut points with it */
  onOperation: ((kind: "write" | "erase", addr: number, units: number) => void) | null = null;
  /** by page, since `watchPages`: what became of it first. null = nobody asked */
  touched: Uint8Array | null = null;
  private pages: Page[];
  private isTwin = false;
  private cut: Cut | null = null;
  private powered = true;
  private readonly random: Random;

  /** @param image contents to begin with, one page or more short of the end reads blank; omitted = all blank */
  constructor(rules: FlashRules, image?: Uint8Array, random: Random = seededRandom(1)) {
    this.rules = rules;
    this.random = random;
    this.pages = Array.from({ length: rules.pages }, (_, i) => {
      const bytes = new Uint8Array(rules.pageBytes).fill(255);
      bytes.set((image ?? bytes).subarray(i * rules.pageBytes, (i + 1) * rules.pageBytes).slice());
      return pageOf(bytes, rules.writeUnitBytes, rules.blockBytes);
    });
  }

  get totalBytes(): number {
    return this.rules.pageBytes * this.rules.pages;
  }

  /** Reads bytes; unstable bits are drawn anew at each read. Addresses outside read as 0xFF. @throws PowerCut */
  read(addr: number, len: number): Uint8Array {
    this.needPower();
    const { start, pageBytes } = this.rules;
    const out = new Uint8Array(len);
    const first = Math.floor((addr - start) / pageBytes);
    const at = addr - start - first * pageBytes;
    const only = this.pages[first];
    if (only && at + len <= pageBytes) {
      this.touch(first, Touch.Used);
      copyBytes(only.bytes, at, out, 0, len);
      if (only.unstable) this.blur(only.unstable, at, out);
      return out;
    }
    for (let done = 0; done < len; ) {
      const offset = addr - start + done;
      const index = Math.floor(offset / pageBytes);
      const page = this.pages[index];
      if (page) this.touch(index, Touch.Used);
      const within = ((offset % pageBytes) + pageBytes) % pageBytes;
      const part = Math.min(len - done, pageBytes - within);
      if (page) {
        copyBytes(page.bytes, within, out, done, part);
        if (page.unstable) this.blur(page.unstable, within, out.subarray(done, done + part));
      } else out.fill(255, done, done + part);
      done += part;
    }
    return out;
  }

  /** Writes as the interpreter's driver does: off-unit edges are read, merged and programmed again.
   *  @throws PowerCut at an injected cut; FlashRuleBroken when strict */
  write(data: Uint8Array, addr: number): void {
    this.needPower();
    if (!data.length || !this.writable(addr, data.length)) return;
    const unit = this.rules.writeUnitBytes;
    const head = (addr - this.rules.start) % unit;
    const tail = (unit - ((head + data.length) % unit)) % unit;
    let whole = data;
    if (head || tail) {
      this.violate("unaligned", addr, data.length);
      whole = this.read(addr - head, head + data.length + tail);
      whole.set(data, head);
    }
    const from = addr - head;
    const units = whole.length / unit;
    const cut = this.begin("write", addr, units);
    const point = cut ? cutPoint(cut, units, this.random) : null;
    const count = point ? point.whole : units;
    for (let u = 0; u < count; u++) this.program(from + u * unit, whole, u * unit);
    if (!point) return;
    if (point.torn) {
      this.tearUnit(
        from + count * unit,
        whole.subarray(count * unit, (count + 1) * unit),
        point.weak,
      );
    }
    throw new PowerCut();
  }

  /** Erases the page that holds addr. @throws PowerCut at an injected cut */
  erasePage(addr: number): void {
    this.needPower();
    const { start, pageBytes, writeUnitBytes } = this.rules;
    const index = Math.floor((addr - start) / pageBytes);
    if (!this.writable(start + index * pageBytes, pageBytes)) return;
    // Storage is one sector there: all of it would go.
    if (start < this.rules.storageStart && addr >= this.rules.storageStart)
      this.violate("shared-sector", addr, pageBytes);
    const cut = this.begin("erase", start + index * pageBytes, pageBytes / writeUnitBytes);
    const page = this.own(index);
    page.erases++;
    this.touch(index, cut ? Touch.Used : Touch.Erased);
    if (cut) {
      this.tearPage(page, cut);
      throw new PowerCut();
    }
    blankPage(page);
  }

  /** Erases all of Storage, as the interpreter itself does when it finds it corrupt. Counts no operation. */
  eraseAll(): void {
    const { start, storageStart, pageBytes } = this.rules;
    for (let i = (storageStart - start) / pageBytes; i < this.pages.length; i++) {
      const page = this.own(i);
      page.erases++;
      blankPage(page);
    }
  }

  /** Cuts the power during the operation after the next `operations` ones. */
  cutAfter(operations: number, model: CutModel): void {
    this.cut = { atOperation: this.operations + operations, model };
  }

  /** Takes a planned cut back and lets the flash work again after one. */
  powerOn(): void {
    this.cut = null;
    this.powered = true;
  }

  /** True from a cut to the next powerOn. */
  get isCut(): boolean {
    return !this.powered;
  }

  /** True while any bit reads differently from one time to the next. */
  get isUnstable(): boolean {
    return this.pages.some((page) => page.unstable !== null);
  }

  /** A text that is the same for flashes that nothing can tell apart, torn and weak bits included. */
  fingerprint(): string {
    return this.pagePrints().join("");
  }

  /** As fingerprint, page by page. */
  pagePrints(): string[] {
    return this.pages.map((page) => fingerprintOf(page));
  }

  /** Notes from now on what becomes of each page first. What a fork reads counts as read here, what it erases does not. */
  watchPages(): void {
    this.touched = new Uint8Array(this.pages.length);
    this.isTwin = false;
  }

  /** True while a page has bits that read differently from one time to the next. */
  isUnstablePage(index: number): boolean {
    return this.pages[index]!.unstable !== null;
  }

  /** A flash of its own with the same contents, wear and weak bits; pages are copied only when written. */
  fork(random: Random = this.random): NorFlash {
    const twin = new NorFlash({ ...this.rules, pages: 0 }, undefined, random);
    (twin.rules as { pages: number }).pages = this.rules.pages;
    // Both go on with the same pages; whoever writes to one first takes a copy of it.
    for (const page of this.pages) page.shared = true;
    twin.pages = this.pages.slice();
    twin.touched = this.touched;
    twin.isTwin = this.touched !== null;
    twin.operations = this.operations;
    twin.strict = this.strict;
    return twin;
  }

  /** The raw bytes, weak bits as stored. */
  image(): Uint8Array {
    const out = new Uint8Array(this.totalBytes);
    this.pages.forEach((page, i) => {
      out.set(page.bytes, i * this.rules.pageBytes);
    });
    return out;
  }

  /** Operations on each page since the simulation began. */
  wear(): { writes: number; erases: number }[] {
    return this.pages.map(({ writes, erases }) => ({ writes, erases }));
  }

  private touch(index: number, how: Touch): void {
    const { touched } = this;
    // What a fork erases is still to be seen in the flash that it was forked from.
    if (touched?.[index] === Touch.None && !(how === Touch.Erased && this.isTwin))
      touched[index] = how;
  }

  private needPower(): void {
    if (!this.powered) throw new PowerCut();
  }

  private own(index: number): Page {
    let page = this.pages[index]!;
    if (page.shared) page = this.pages[index] = copyPage(page);
    page.fingerprint = "";
    this.stamp++;
    return page;
  }

  private begin(kind: "write" | "erase", addr: number, units: number): CutModel | null {
    this.onOperation?.(kind, addr, units);
    const isCut = this.cut !== null && this.operations === this.cut.atOperation;
    const model = isCut ? this.cut!.model : null;
    this.operations++;
    if (model) {
      this.cut = null;
      this.powered = false;
    }
    return model;
  }

  private writable(addr: number, bytes: number): boolean {
    const end = addr + bytes;
    if (this.rules.protectedRanges.some((range) => addr < range.to && end > range.from)) {
      this.violate("protected", addr, bytes);
      return false;
    }
    if (addr < this.rules.start || end > this.rules.start + this.totalBytes || Number.isNaN(end)) {
      this.violate("out-of-range", addr, bytes);
      return false;
    }
    return true;
  }

  /** Programs the unit at addr with what stands in `data` from `at` on. */
  private program(addr: number, data: Uint8Array, at: number): void {
    const { start, pageBytes, writeUnitBytes, rewrite } = this.rules;
    const offset = addr - start;
    const index = Math.floor(offset / pageBytes);
    this.touch(index, Touch.Used);
    const page = this.own(index);
    const within = offset % pageBytes;
    const unit = within / writeUnitBytes;
    let bits = 0;
    for (let i = 0; i < writeUnitBytes; i++) bits |= data[at + i]!;
    if (page.tornErase && bits) this.violate("torn-page", addr, writeUnitBytes);
    if (page.programmed[unit] && rewrite === "zero-only" && bits) {
      const hasEcc = writeUnitBytes === 8;
      this.violate(hasEcc ? "ecc-rewrite" : "rewrite", addr, writeUnitBytes);
      // The controller refuses: the old code word would no longer match.
      if (hasEcc) return;
    }
    page.programmed[unit] = 1;
    page.writes++;
    this.unitsWritten++;
    this.countBlockWrite(page, within, addr);
    for (let i = 0; i < writeUnitBytes; i++) {
      const before = page.bytes[within + i]!;
      const wanted = data[at + i]!;
      page.bytes[within + i] = before & wanted;
      if (page.unstable) page.unstable[within + i]! &= wanted;
      if ((before & wanted) !== wanted) this.violate("needs-erase", addr + i, 1);
    }
  }

  private countBlockWrite(page: Page, within: number, addr: number): void {
    const { blockBytes, blockWritesMax } = this.rules;
    if (!blockBytes) return;
    const block = Math.floor(within / blockBytes);
    page.blockWrites[block]!++;
    if (page.blockWrites[block] === blockWritesMax + 1) this.violate("worn-block", addr, 1);
  }

  private tearUnit(addr: number, data: Uint8Array, weak: boolean): void {
    const offset = addr - this.rules.start;
    const index = Math.floor(offset / this.rules.pageBytes);
    this.touch(index, Touch.Used);
    const page = this.own(index);
    const within = offset % this.rules.pageBytes;
    page.programmed[within / this.rules.writeUnitBytes] = 1;
    for (let i = 0; i < data.length; i++) {
      this.putTorn(
        page,
        within + i,
        tornWrite(page.bytes[within + i]!, data[i]!, weak, this.random),
      );
    }
  }

  private tearPage(page: Page, model: CutModel): void {
    if (model === "before") return;
    page.tornErase = true;
    const unit = this.rules.writeUnitBytes;
    const point = cutPoint(model, page.bytes.length / unit, this.random);
    // A weak erase reaches all of the page at once; the other models stop somewhere.
    const whole = point.weak ? 0 : point.whole * unit;
    const end = point.weak ? page.bytes.length : point.torn ? whole + unit : whole;
    page.bytes.fill(255, 0, whole);
    page.unstable?.fill(0, 0, whole);
    for (let i = whole; i < end; i++) {
      this.putTorn(page, i, tornErase(page.bytes[i]!, point.weak, this.random));
    }
    for (let i = 0; i < page.bytes.length; i++) {
      const isBlank = page.bytes[i] === 255 && !page.unstable?.[i];
      if (i % unit === 0) page.programmed[i / unit] = 0;
      if (!isBlank) page.programmed[Math.floor(i / unit)] = 1;
    }
  }

  private putTorn(page: Page, at: number, torn: { value: number; unstable: number }): void {
    page.bytes[at] = torn.value;
    if (torn.unstable) {
      page.unstable ??= new Uint8Array(page.bytes.length);
      page.unstable[at] = torn.unstable;
    }
  }

  private blur(unstable: Uint8Array, within: number, out: Uint8Array): void {
    for (let i = 0; i < out.length; i++) {
      const mask = unstable[within + i]!;
      if (mask) out[i] = (out[i]! & ~mask) | (Math.floor(this.random() * 256) & mask);
    }
  }

  private violate(kind: FlashViolation["kind"], addr: number, bytes: number): void {
    const violation = { kind, addr, bytes };
    this.violationCount++;
    if (this.violations.length < violationsKeptMax) this.violations.push(violation);
    if (this.strict) throw new FlashRuleBroken(violation);
  }
}

/** A view costs more than the few bytes that most reads want. */
function copyBytes(from: Uint8Array, at: number, to: Uint8Array, toAt: number, count: number) {
  if (count > 96) to.set(from.subarray(at, at + count), toAt);
  else for (let i = 0; i < count; i++) to[toAt + i] = from[at + i]!;
}
