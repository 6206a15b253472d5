#!/usr/bin/env node
import { register } from "tsx/esm/api";

// The command is TypeScript and runs as it stands; there is no build step that could be forgotten.
register();
const { run } = await import(new URL("./main.ts", import.meta.url).href);
process.exitCode = await run(process.argv.slice(2));
