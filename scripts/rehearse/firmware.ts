/** The device's own TypeScript for one board: boot decision, core parts, runtime and its slot parts, as they ship, bundled
 *  once for all devices of that board. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import type { Board } from "../../boards/index.ts";
import { boardFields } from "../cli/build/boardFields.ts";
import { firmwareRoot, frameworkSources } from "../cli/build/sources.ts";

/** Bundles the firmware of a board, to be linked where it is played. Frames, handshake, journal, flash and signature checks
 *  have tests of their own and are not in it (ADR-0013). */
export async function firmwareText(board: Board): Promise<string> {
  const { parts, slotParts, runtimeFile } = frameworkSources(board);
  const imported = (name: string, file: string) => `import ${name} from ${JSON.stringify(file)};`;
  const source = [
    `import { decideBoot } from ${JSON.stringify(join(firmwareRoot, "core/decide.ts"))};`,
    `import { setHal } from ${JSON.stringify(join(firmwareRoot, "hal/current.ts"))};`,
    ...parts.map(({ id, file }) => imported(`p${id}`, file)),
    imported("main", runtimeFile),
    `link({ decideBoot, setHal, main, parts: [${parts.map(({ id }) => `p${id}`).join()}] });`,
  ].join("\n");
  const table = [
    ...slotParts.map(({ id, file }) => imported(`s${id}`, file)),
    `export const slotPartTable = [${slotParts.map(({ id }) => `s${id}`).join()}];`,
  ].join("\n");
  const result = await build({
    stdin: { contents: source, resolveDir: firmwareRoot, loader: "ts" },
    ...{ bundle: true, format: "iife", platform: "node", write: false, logLevel: "silent" },
    target: "node20",
    define: definesOf(board),
    packages: "external",
    plugins: [slotPartsInPlace(table)],
  });
  return result.outputFiles[0]!.text;
}

/** BOARD.name as constants; what is measured comes from the device whose turn it is. */
function definesOf(board: Board): Record<string, string> {
  const { measure } = board;
  const fields = boardFields(board, { parts: [], slotParts: [] });
  const live: Record<string, string> = {
    batteryMv: measure.batteryMv === undefined ? "undefined" : "hardware.batteryMv",
    temperatureDeciC:
      measure.temperatureDeciC === undefined ? "undefined" : "hardware.temperatureDeciC",
    rssiDbm: "undefined",
    resetReason: "hardware.resetReason",
    button: "false",
    serialPort: "undefined",
    serialSetup: "undefined",
  };
  // What is left are expressions of the chip's own registers: nothing here has them.
  const isKnown = (value: string) =>
    /^(true|false|-?\d+|"[^"]*"|\[[^\]]*\]|undefined|hardware\.\w+)$/.test(value);
  return Object.fromEntries(
    Object.entries({ ...fields, ...live }).map(([name, value]) => [
      `BOARD.${name}`,
      isKnown(value) ? value : "undefined",
    ]),
  );
}

/** A slot part is a function here, and not a text that is evaluated for each use. */
function slotPartsInPlace(table: string): Plugin {
  return {
    name: "slotParts",
    setup(at) {
      at.onResolve({ filter: /^slotPartTable$/ }, () => ({
        path: "slotPartTable",
        namespace: "table",
      }));
      at.onLoad({ filter: /./, namespace: "table" }, () => ({
        contents: table,
        loader: "ts",
        resolveDir: firmwareRoot,
      }));
      at.onLoad({ filter: /runtime[\\/]slotParts\.ts$/ }, async ({ path }) => {
        const original = await readFile(path, "utf8");
        const begins = original.indexOf("export function slotPart(");
        if (begins < 0) throw new Error(`${path}: expected function slotPart, found none`);
        const enumText = /export const enum SlotPart \{[^}]*\}/.exec(original)![0];
        return {
          contents: `import { slotPartTable } from "slotPartTable";\n${enumText}\nexport function slotPart(k: any, part: number): any { return slotPartTable[part](k); }`,
          loader: "ts" as const,
          resolveDir: firmwareRoot,
        };
      });
    },
  };
}
