/** `npm run bench:delta`: bytes that an update of the project's own releases takes, full, packed and as a patch. */
import { type DeltaRow, deltaRows } from "./deltaRows.ts";

const percent = (part: number, of: number) => Math.round((part * 1000) / of) / 10;

async function main(): Promise<void> {
  const rows = await deltaRows(["puckjs", "esp32", "linux"]);
  const head = [
    "board",
    "change",
    "image",
    "packed",
    "",
    "delta",
    "",
    "on the wire",
    "packed",
    "delta",
  ];
  const cells = rows.map((row) => [
    ...[row.board, row.change, row.image, row.packed, `${percent(row.packed, row.image)} %`],
    ...[row.delta, `${percent(row.delta, row.image)} %`],
    ...[row.fullOnWire, row.packedOnWire, row.deltaOnWire],
  ]);
  const widths = [8, 24, 6, 7, 8, 6, 8, 12, 8, 7];
  for (const line of [head, ...cells]) {
    const columns = line.map((cell, i) => {
      const text = String(cell);
      return i < 2 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!);
    });
    process.stdout.write(`${columns.join("").trimEnd()}\n`);
  }
  const changes = rows.filter(({ change }) => change !== "nothing");
  const most = (ratio: (row: DeltaRow) => number) => Math.max(...changes.map(ratio));
  process.stdout.write(
    `${JSON.stringify({
      deltaPercentMost: most((row) => percent(row.delta, row.image)),
      deltaWirePercentMost: most((row) => percent(row.deltaOnWire, row.fullOnWire)),
      packedPercentMost: most((row) => percent(row.packed, row.image)),
      rows,
    })}\n`,
  );
}

main().catch((error: Error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
