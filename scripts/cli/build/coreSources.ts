import { fileURLToPath } from "node:url";
import type { Board } from "../../../boards/index.ts";
import { Part } from "../../../firmware/core/parts.ts";
import type { PartSource } from "./core.ts";

const source = (path: string) => fileURLToPath(new URL(`../../../firmware/${path}`, import.meta.url));

/** Where the core's sources stand for a board: the link is the one thing that differs. */
export function coreSources(board: Board): { parts: PartSource[]; boot0File: string } {
  const part = (id: Part, name: string): PartSource => ({
    id,
    name,
    file: source(`core/parts/${name}.ts`),
  });
  return {
    boot0File: source("core/boot0.ts"),
    parts: [
      part(Part.Frames, "frames"),
      part(Part.Handshake, "handshake"),
      part(Part.Client, "client"),
      part(Part.Update, "update"),
      part(Part.Suit, "suit"),
      part(Part.Lms, "lms"),
      part(Part.Wipe, "wipe"),
      part(Part.Link, board.link === "mqtt" ? "linkMqtt" : "linkSerial"),
      part(Part.Recovery, "recovery"),
    ],
  };
}

/** The runtime that goes into every slot. */
export const runtimeFile = source("runtime/main.ts");
