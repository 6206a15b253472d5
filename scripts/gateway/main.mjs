#!/usr/bin/env node
// Runs the gateway alone: the same as `fleetling gateway`, without the rest of the command line.
import { Command } from "commander";
import { register as registerTypeScript } from "tsx/esm/api";

registerTypeScript();
const { register } = await import("./command.ts");
const program = new Command("fleetling");
register(program);
await program.parseAsync(["node", "fleetling", "gateway", ...process.argv.slice(2)]);
