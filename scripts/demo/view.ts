import { LiveView } from "./view/live.ts";
import { PlainView } from "./view/plain.ts";
import type { View } from "./view/teller.ts";

export type { View } from "./view/teller.ts";

/** Narrower than this the grid would not fit on a line. */
const columnsMin = 50;

/** The live view on a terminal that can show it, else plain lines. */
export function chooseView(stream: NodeJS.WriteStream, wantsPlain: boolean): View {
  const write = (text: string) => void stream.write(text);
  const isDumb = process.env.TERM === "dumb";
  if (wantsPlain || isDumb || !stream.isTTY || stream.columns < columnsMin) {
    return new PlainView(write);
  }
  const screen = { write, columns: () => stream.columns, rows: () => stream.rows };
  return new LiveView(screen, !process.env.NO_COLOR);
}
