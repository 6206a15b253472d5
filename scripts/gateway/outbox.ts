/** Messages that wait for a carrier, oldest dropped first: a device repeats what matters, so the newest is worth most. */

/** Messages kept for one device. */
export const outboxPerDeviceMax = 8;
/** Devices with waiting messages. */
export const outboxDevicesMax = 1_000;

/** Bounded outbox per device. */
export class Outbox {
  #waiting = new Map<string, Uint8Array[]>();
  droppedCount = 0;

  /** Keeps a message for later. */
  put(serial: string, bytes: Uint8Array): void {
    const list = this.#waiting.get(serial) ?? [];
    if (list.length === 0 && this.#waiting.size >= outboxDevicesMax) {
      this.droppedCount++;
      return;
    }
    list.push(bytes);
    if (list.length > outboxPerDeviceMax) {
      list.shift();
      this.droppedCount++;
    }
    this.#waiting.set(serial, list);
  }

  /** Takes everything out, oldest first per device. */
  drain(): [serial: string, bytes: Uint8Array][] {
    const all: [string, Uint8Array][] = [];
    for (const [serial, list] of this.#waiting) for (const bytes of list) all.push([serial, bytes]);
    this.#waiting.clear();
    return all;
  }
}
