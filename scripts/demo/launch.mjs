// `npm run demo`: installs if need be, then plays the story.
import { run } from "../lib/run.mjs";

run("scripts/demo/main.ts", process.argv.slice(2));
