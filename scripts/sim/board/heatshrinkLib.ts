import { heatshrink, unshrink } from "../../../firmware/protocol/host/heatshrink.ts";
import { toBytes } from "./bytes.ts";
import type { Machine } from "./machine.ts";

/** require("heatshrink"): native on every board; takes bytes or text and gives a buffer.
 *  Source: interpreter libs/compression/jswrap_heatshrink.c */
export function heatshrinkLib(machine: Machine): Record<string, unknown> {
  const { realm } = machine;
  const by = (work: (data: Uint8Array) => Uint8Array) =>
    machine.native((data: unknown) => realm.bytes(work(toBytes(data, machine.error))).buffer);
  return realm.object({ compress: by(heatshrink), decompress: by((data) => unshrink(data)) });
}
