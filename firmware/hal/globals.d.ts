/** Interpreter globals that hal/ may use, and the constants that the build puts in from the board file. */
declare const E: {
  toUint8Array(piece: unknown): Uint8Array;
  toString(data: unknown): string;
  CRC32(data: unknown): number;
  reboot(): void;
  setConsole(device: null, options: { force: boolean }): void;
  memoryArea(addr: number, len: number): string;
  enableWatchdog(seconds: number, auto: boolean): void;
};
declare const AES: { encrypt(data: unknown, key: unknown, options: object): ArrayBuffer };
declare function getTime(): number;
declare function atob(text: string): string;
declare namespace NodeJS {
  interface Process {
    /** the interpreter's: collects garbage, then counts variables */
    memory(): { free: number; usage: number; total: number };
  }
}
declare const BOARD: {
  flashStart: number;
  pageBytes: number;
  writeUnitBytes: number;
  /** below zero: before Storage */
  slotA: number;
  slotB: number;
  slotBytes: number;
  journal: number;
  journalHalfBytes: number;
  core: number;
  totalBytes: number;
  serialPort: SerialPort;
  serialSetup: unknown;
  link: string;
  aes: boolean;
  sha256: boolean;
  /** a text in flash is copied to the stack to be hashed: bytes in RAM are not */
  shaCopies: boolean;
  /** one slot: what runs is given up before another is written */
  single: boolean;
  /** the image stands beside the core and is never written: no slot, no update */
  fixed: boolean;
  /** updates are taken by the core alone, over the line */
  cable: boolean;
  watchdog: boolean;
  /** keeps the watchdog quiet */
  feed: unknown;
  /** joins a Wi-Fi network by itself */
  wifi: boolean;
  probe: boolean;
  /** bytes of a FETCH, at most blockBytesMax */
  blockBytes: number;
  button: boolean | undefined;
  batteryMv: number | undefined;
  /** least batteryMv to fetch an update at; 0 = any */
  updateBatteryMinMv: number;
  temperatureDeciC: number | undefined;
  rssiDbm: number | undefined;
  resetReason: number | undefined;
  consolesTelnet: boolean;
  /** flat [address, bytes, …] by part id; bytes below zero: stored packed. Known to `.boot0` only */
  parts: number[];
  /** the framework's rare parts are packed there */
  slotIsSmall: boolean;
  /** where each slot part begins, counted back from the end of the image; one more for the last one's end */
  slotParts: number[];
};
interface SerialPort {
  on(event: "data", fn: (data: string) => void): void;
  write(data: Uint8Array): void;
}
interface DeviceSocket {
  on(event: "data", fn: (data: string) => void): void;
  on(event: "close" | "error", fn: () => void): void;
  write(data: string): boolean;
  end(): void;
}
