import { esp32 } from "./esp32.ts";
import { linux } from "./linux.ts";
import { puckjs } from "./puckjs.ts";
import type { Board } from "./types.ts";

export type { Board, FlashPlan } from "./types.ts";

/** All boards by id. */
export const boards: Record<string, Board> = { puckjs, esp32, linux };
