import { slotAddresses, slotBytesOf } from "../../boards/index.ts";
import type { DemoDevice } from "./fleet.ts";

/** Where a power loss strikes. */
export type Moment = "midDownload" | "midWrite" | "midWipe";

const words: Record<Moment, string> = {
  midDownload: "between two blocks of its download",
  midWrite: "in the middle of a flash write",
  midWipe: "in the middle of a page erase of its wipe",
};
const backAfterMs = 1500;

/** Takes the power of one device at a chosen moment of its own work, and gives it back after a while. The trap waits on
 *  the flash, so it strikes the device wherever its code is then.
 *  @param say told when the power goes and when it is back
 *  @returns resolves when the power is back */
export function losePower(
  { sim, made }: DemoDevice,
  moment: Moment,
  say: (text: string) => void,
): Promise<void> {
  const slotB = made.board.flashStart + slotAddresses(made.board).at(-1)!;
  const slotEnd = slotB + slotBytesOf(made.board);
  return new Promise((resolve) => {
    let writes = 0;
    const struck = () => {
      sim.flash.onOperation = null;
      say(`${made.serial} loses power ${words[moment]}`);
      setTimeout(() => {
        say(`${made.serial} has power again`);
        sim.powerOn();
        resolve();
      }, backAfterMs);
    };
    sim.flash.onOperation = (kind, addr) => {
      const isInSlot = addr >= slotB && addr < slotEnd;
      if (!isInSlot) return;
      if (moment === "midWipe") {
        if (kind !== "erase") return;
        sim.powerCutAt("half", 0);
        return struck();
      }
      if (kind !== "write" || ++writes !== 2) return;
      if (moment === "midWrite") {
        sim.powerCutAt("bits", 0);
        return struck();
      }
      sim.flash.onOperation = null;
      // The device ends what it does with this block; the next one is on its way then.
      setImmediate(() => {
        sim.powerOff();
        struck();
      });
    };
  });
}
