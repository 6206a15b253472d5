// Runs a TypeScript program of this package: installs if need be, hands on arguments, signals and exit code.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "./install.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** @param program path below the package's root */
export function run(program, args) {
  ensureInstalled(root);
  const child = spawn(process.execPath, ["--import", "tsx", program, ...args], {
    cwd: root,
    stdio: "inherit",
  });
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  child.on("exit", (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [program, ...args] = process.argv.slice(2);
  if (program) run(program, args);
  else {
    process.stderr.write("run.mjs: expected a program, for example cloud-agent/main.ts\n");
    process.exit(2);
  }
}
