import { createHash } from "node:crypto";
import { type Board, slotBytesOf } from "../../../boards/index.ts";
import type { DeclaredSettings } from "../../../firmware/protocol/host/settings.ts";
import { headerBytes } from "./boardFields.ts";
import { checkBudget } from "./budget.ts";
import { buildCore, type Core } from "./core.ts";
import { buildFramework, composeImage, type Framework, readApp } from "./image.ts";
import { frameworkSources } from "./sources.ts";
import type { BuildOptions, KeptNames } from "./text.ts";

/** Bytes of one piece against what the board allows. */
export interface SizeRow {
  name: string;
  bytes: number;
  /** absent for a piece that counts in a sum below it */
  budgetBytes?: number;
}

/** Everything a board is flashed with, built from one app. */
export interface Firmware {
  board: string;
  core: Core;
  runtimeText: string;
  appText: string;
  /** parts of the framework that lie behind the image's expression, by id */
  slotParts: Framework["parts"];
  /** what a slot holds */
  imageText: string;
  /** SHA-256 of the image's bytes, hex */
  digest: string;
  sizes: SizeRow[];
  /** what the owner may set, as the app declares it */
  settings: DeclaredSettings;
  /** names of what a person may have the app do */
  commands: string[];
  /** for the build of the next release */
  kept: KeptNames;
}

/** Builds core, framework and app of one board.
 *  @throws BuildError for anything that would not run, fit or be safe there */
export async function buildFirmware(
  board: Board,
  appFile: string,
  options: BuildOptions = {},
): Promise<Firmware> {
  // The app is the caller's own work: its errors come first.
  const { appText, settings, commands, locals } = await readApp(board, appFile, options);
  const sources = frameworkSources(board, commands.length > 0);
  const core = await buildCore(board, sources, options);
  const framework = await buildFramework(board, sources, core.names, options);
  const { runtimeText, parts } = framework;
  const slotPartsText = parts.map(({ text }) => text).join("");
  const imageText = composeImage(runtimeText, appText, slotPartsText);
  const ofApp = parts
    .filter((part) => part.ofApp)
    .map(({ name, text }): [string, number] => [`app/${name}`, text.length]);
  const ofAppBytes = ofApp.reduce((sum, [, bytes]) => sum + bytes, 0);
  const frameworkBytes = imageText.length - composeImage("", appText).length - ofAppBytes;
  checkBudget(board, [["app", appText.length], ...ofApp], board.budget.appBytes, options);
  const slotBytes = slotBytesOf(board);
  checkBudget(board, [["image", imageText.length]], slotBytes, options);
  const digest = createHash("sha256").update(Buffer.from(imageText, "latin1")).digest("hex");
  const { budget } = board;
  const sizes: SizeRow[] = [
    ...core.parts.map((part) => ({ name: `core/${part.name}`, bytes: part.bytes })),
    { name: "core/.boot0", bytes: core.boot0Text.length },
    { name: "core", bytes: coreBytes(core), budgetBytes: budget.coreBytes },
    { name: "framework/runtime", bytes: runtimeText.length },
    ...parts
      .filter((part) => !part.ofApp)
      .map(({ name, text }) => ({ name: `framework/${name}`, bytes: text.length })),
    { name: "framework", bytes: frameworkBytes, budgetBytes: budget.frameworkBytes },
    ...ofApp.map(([name, bytes]) => ({ name, bytes })),
    { name: "app", bytes: appText.length + ofAppBytes, budgetBytes: budget.appBytes },
    { name: "image in slot", bytes: imageText.length, budgetBytes: slotBytes },
  ];
  const kept = { names: framework.names, locals: { ...framework.locals, ...locals } };
  return {
    board: board.id,
    core,
    runtimeText,
    appText,
    slotParts: parts,
    imageText,
    digest,
    sizes,
    settings,
    commands,
    kept,
  };
}

function coreBytes(core: Core): number {
  const texts = core.page0Text.length + core.coreText.length + core.boot0Text.length;
  return texts + 2 * headerBytes;
}
