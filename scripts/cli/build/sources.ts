import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseSync, types as t } from "@babel/core";
import type { Board } from "../../../boards/index.ts";
import { coldParts, imageParts } from "../../../firmware/core/parts.ts";
import {
  appSlotPart,
  lastWarmSlotPart,
  updateSlotParts,
} from "../../../firmware/runtime/slotParts.ts";
import { slotIsSmall } from "./boardFields.ts";
import type { PartSource } from "./core.ts";
import { BuildError } from "./errors.ts";

/** Where the framework's own sources lie. */
export const firmwareRoot = join(dirname(fileURLToPath(import.meta.url)), "../../../firmware");

/** Names by which app and framework know each other at least; `appNames.ts` adds what the app API
 *  offers. */
const appInterface =
  "start healthy readyToReboot wipe metrics settings regions name clear min max last default";

/** Property names that stay as they are in framework code, besides the interpreter's. */
export async function reservedNames(further: string[] = []): Promise<string[]> {
  const file = join(firmwareRoot, "runtime/appNames.ts");
  const names = appInterface.split(" ");
  if (existsSync(file)) names.push(...(await import(pathToFileURL(file).href)).appNames);
  return [...new Set([...names, ...further])].sort();
}

/** The framework's sources for a board: the core's parts by the enum in core/parts.ts, `.boot0`,
 *  the runtime, its slot parts by the enum in runtime/slotParts.ts.
 *  A part `Link` is linkMqtt.ts or linkSerial.ts, by how the board reaches the agent.
 *  Where the image is fixed, a file NAMEFixed.ts stands for NAME.ts, and none.ts for what judges and writes images.
 *  @param hasCommands true: with the slot part that runs an app's commands
 *  @throws BuildError BUILD_PART_MISSING when a part has no file */
export function frameworkSources(
  board: Board,
  hasCommands = false,
): {
  parts: PartSource[];
  boot0File: string;
  runtimeFile: string;
  slotParts: PartSource[];
} {
  const core = join(firmwareRoot, "core");
  const runtime = join(firmwareRoot, "runtime");
  const link = board.link === "serial" ? "Serial" : "Mqtt";
  const isFixed = board.plan.kind === "fixed";
  const suited = (parts: PartSource[], unused: number[]) =>
    isFixed ? fixed(parts, unused) : parts;
  const parts = suited(partFiles(join(core, "parts.ts"), "Part", link), imageParts);
  const slotFile = join(runtime, "slotParts.ts");
  const slotParts = suited(partFiles(slotFile, "SlotPart", link), updateSlotParts);
  const isCold = ({ id, file }: PartSource) => coldParts.includes(id) && file !== noneFile;
  const inSlot = (part: PartSource): PartSource => ({
    ...part,
    cold: slotIsSmall(board) && part.id > lastWarmSlotPart,
    ofApp: part.id === appSlotPart,
  });
  return {
    parts: parts.map((part) => ({ ...part, cold: isCold(part) })),
    boot0File: join(core, "boot0.ts"),
    runtimeFile: join(runtime, "main.ts"),
    slotParts: slotParts.map(inSlot).filter(({ ofApp }) => hasCommands || !ofApp),
  };
}

const noneFile = join(firmwareRoot, "core/parts/none.ts");

/** The parts of a board whose image is fixed. */
function fixed(parts: PartSource[], unused: number[]): PartSource[] {
  return parts.map((part) => {
    if (unused.includes(part.id)) return { ...part, file: noneFile };
    const own = part.file.replace(/\.ts$/, "Fixed.ts");
    return existsSync(own) ? { ...part, file: own } : part;
  });
}

/** The file of each member of an enum: in folder parts/ beside the enum's file. */
function partFiles(enumFile: string, enumName: string, link: string): PartSource[] {
  return enumMembers(enumFile, enumName).map(([member, id]) => {
    const name = member[0]!.toLowerCase() + member.slice(1);
    const candidates = [`${name}.ts`, `${name}${link}.ts`].map((file) =>
      join(dirname(enumFile), "parts", file),
    );
    const file = candidates.find((candidate) => existsSync(candidate));
    if (file) return { id, name, file };
    throw new BuildError({
      code: "BUILD_PART_MISSING",
      place: { file: enumFile },
      found: `part ${member}: expected ${candidates.join(" or ")}, got neither`,
      remedy: "Add the file, or take the part out of the enum",
    });
  });
}

/** Members of a numeric enum, read from its source: a const enum leaves nothing to import. */
function enumMembers(file: string, name: string): [string, number][] {
  const ast = parseSync(readFileSync(file, "utf8"), {
    configFile: false,
    babelrc: false,
    sourceType: "module",
    filename: file,
    parserOpts: { plugins: ["typescript"] },
  });
  const members: [string, number][] = [];
  let next = 0;
  t.traverseFast(ast!, (node) => {
    if (!t.isTSEnumDeclaration(node) || node.id.name !== name) return;
    for (const member of node.members) {
      if (t.isNumericLiteral(member.initializer)) next = member.initializer.value;
      members.push([t.isIdentifier(member.id) ? member.id.name : member.id.value, next++]);
    }
  });
  return members;
}
