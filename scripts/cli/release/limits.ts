import { vitalNames } from "../../../firmware/protocol/host/deviceMessages.ts";
import type { Manifest } from "../../../firmware/protocol/host/suit.ts";
import { ToolError } from "../keys/errors.ts";

/** Reads limits that a release's trial holds vitals against, each `NAME>=NUMBER` or `NAME<=NUMBER`; both ends of one
 *  vital are two of them.
 *  @returns null when there are none
 *  @throws ToolError RELEASE_INPUT: not of that form, an unknown vital, an end given twice, least above greatest
 *  Source: SPEC.md §9 */
export function readLimits(texts: readonly string[]): Manifest["limits"] {
  const limits: Record<number, [number | null, number | null]> = {};
  for (const text of texts) {
    const found = /^([A-Za-z]+)(>=|<=)(-?\d{1,10})$/.exec(text);
    if (!found) throw refuse(text, 'a limit such as "batteryMv>=2100"', text);
    const vital = vitalNames.find(([, name]) => name === found[1]);
    if (!vital) throw refuse(text, `one of ${vitalNames.map(([, name]) => name).join(", ")}`, text);
    const range = (limits[vital[0]] ??= [null, null]);
    const end = found[2] === ">=" ? 0 : 1;
    if (range[end] !== null) throw refuse(text, `one limit ${found[2]} of ${found[1]}`, "two");
    range[end] = Number(found[3]);
    const [least, greatest] = range;
    if (least !== null && greatest !== null && least > greatest) {
      throw refuse(text, `least at most greatest of ${found[1]}`, `${least} and ${greatest}`);
    }
  }
  return texts.length > 0 ? limits : null;
}

function refuse(text: string, expected: string, found: string): ToolError {
  const next = "See fleetling release sign --help.";
  return new ToolError("RELEASE_INPUT", { object: `--limit ${text}`, expected, found, next });
}
