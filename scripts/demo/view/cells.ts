import { type DeviceLine, operating, released, retired } from "../api.ts";
import type { Snapshot } from "../watch.ts";
import type { Style } from "./ink.ts";

/** What one cell of the fleet grid says. Glyphs differ too, so that it reads without colour. */
export type CellState =
  | "unseen"
  | "off"
  | "unclaimed"
  | "claiming"
  | "old"
  | "loading"
  | "trial"
  | "new"
  | "bad"
  | "reverted"
  | "recovery"
  | "wiping"
  | "retired";

export const cellLooks: Record<CellState, { glyph: string; style: Style; label: string }> = {
  unseen: { glyph: "·", style: "dim", label: "not seen yet" },
  off: { glyph: "×", style: "red", label: "no power" },
  unclaimed: { glyph: "○", style: "plain", label: "unclaimed" },
  claiming: { glyph: "◌", style: "yellow", label: "claim open" },
  old: { glyph: "●", style: "blue", label: "1.0" },
  loading: { glyph: "↓", style: "cyan", label: "downloads" },
  trial: { glyph: "◐", style: "yellow", label: "on trial" },
  new: { glyph: "◆", style: "green", label: "1.1" },
  bad: { glyph: "▲", style: "magenta", label: "1.2" },
  reverted: { glyph: "◇", style: "yellow", label: "back on 1.1" },
  recovery: { glyph: "!", style: "alarm", label: "recovery" },
  wiping: { glyph: "▒", style: "cyan", label: "wiping" },
  retired: { glyph: "□", style: "dim", label: "retired" },
};

/** A device of the fleet as the view shows it. */
export interface Cell {
  serial: string;
  board: string;
  state: CellState;
}

/** Progress of one wave. */
export interface WaveBar {
  name: string;
  done: number;
  total: number;
  /** "open", "soaks", "done", "waits" or "halted" */
  note: string;
}

/** Sequences of the story's releases. */
export const sequences = { v10: 10, v11: 11, v12: 12 };

/** State of one cell, from what the agent knows and whether the board has power. Pure. */
export function cellState(device: DeviceLine | undefined, hasPower: boolean): CellState {
  if (!device || device.lastSeenMs === null) return "unseen";
  if (device.lifecycle === retired) return "retired";
  if (!hasPower) return "off";
  if (device.lifecycle === released) return "unclaimed";
  if (device.lifecycle < operating) return "claiming";
  if (device.lifecycleName === "wiping") return "wiping";
  if (device.slotState === 2) return "recovery";
  if (device.slotState === 1) return "trial";
  if (device.download) return "loading";
  if (device.runningSequence >= sequences.v12) return "bad";
  if (device.runningSequence < sequences.v11) return "old";
  return device.lastFailed?.sequence === sequences.v12 ? "reverted" : "new";
}

/** Bars of the newest rollout: devices that confirmed, of those each wave adds. Pure. */
export function waveBars({ rollout }: Snapshot): WaveBar[] {
  if (!rollout) return [];
  return rollout.policy.waves.map(({ name }, wave) => {
    const serials = Object.keys(rollout.assigned).filter((one) => rollout.assigned[one] === wave);
    const done = serials.filter((one) => rollout.progress?.[one]?.confirmedMs);
    const isOpen = wave === rollout.wave;
    const note =
      rollout.status === "done" || wave < rollout.wave
        ? "done"
        : !isOpen
          ? rollout.status === "halted"
            ? "never opened"
            : "waits"
          : rollout.status === "halted"
            ? "HALTED"
            : rollout.soakStartedMs
              ? "soaks"
              : "open";
    return { name, done: done.length, total: serials.length, note };
  });
}
