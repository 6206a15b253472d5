import { readFileSync } from "node:fs";
import { Command } from "commander";
import { register as registerGateway } from "../gateway/command.ts";
import { register as registerAlert } from "./alert/command.ts";
import { register as registerBoards } from "./boards/command.ts";
import { register as registerBuild } from "./build/command.ts";
import { register as registerDevice } from "./device/command.ts";
import { commandLineWords, explained, isTold } from "./explain.ts";
import { register as registerKeys } from "./keys/command.ts";
import { register as registerKm } from "./km/command.ts";
import { register as registerNew } from "./new/command.ts";
import { register as registerOutbox } from "./outbox/command.ts";
import { register as registerProduct } from "./product/command.ts";
import { register as registerQuality } from "./quality/command.ts";
import { register as registerRehearse } from "./rehearse/command.ts";
import { register as registerRelease } from "./release/command.ts";
import { register as registerRollout } from "./rollout/command.ts";
import { register as registerVerifyWipe } from "./verify-wipe/command.ts";
import { register as registerVitals } from "./vitals/command.ts";

const packageFile = new URL("../../package.json", import.meta.url);

/** The `fleetling` command with all its subcommands. Each lives in its folder and registers itself. */
export function createProgram(): Command {
  const program = new Command("fleetling")
    .description("Build, sign, ship and look after firmware of Espruino-class devices")
    .version(JSON.parse(readFileSync(packageFile, "utf8")).version)
    .showHelpAfterError("Try --help.")
    .exitOverride()
    .configureOutput({ outputError: (text, write) => write(commandLineWords(text)) });
  for (const register of [
    registerNew,
    registerBoards,
    registerKeys,
    registerKm,
    registerBuild,
    registerRelease,
    registerRollout,
    registerGateway,
    registerVerifyWipe,
    registerDevice,
    registerVitals,
    registerAlert,
    registerOutbox,
    registerProduct,
    registerQuality,
    registerRehearse,
  ])
    register(program);
  return program;
}

/** Runs one command line; whatever stops it is told on standard error.
 *  @param words without the program's name
 *  @returns exit code */
export async function run(words: readonly string[]): Promise<number> {
  try {
    await createProgram().parseAsync(words, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    if (isTold(error)) return error.exitCode;
    process.stderr.write(`${explained(error) ?? (error as Error)?.stack ?? error}\n`);
    return 1;
  }
}
