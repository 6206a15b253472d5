/** Runs `fleetling …` as a process of its own, as a person does. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";

const bin = fileURLToPath(new URL("../../scripts/cli/bin.mjs", import.meta.url));

/** What a command left: exit code, standard output, standard error. */
export interface Done {
  code: number;
  out: string;
  error: string;
}

export interface CommandOptions {
  /** working folder; default the test's own */
  cwd?: string;
  /** the environment besides PATH; nothing of the test's own is handed on */
  env?: Record<string, string>;
}

/** @returns once it has ended; never rejects for a command that failed */
export function runCommand(words: string[], { cwd, env }: CommandOptions = {}): Promise<Done> {
  const { PATH = "" } = process.env;
  return new Promise((resolve) => {
    const options = { cwd, env: { PATH, ...env } };
    execFile(process.execPath, [bin, ...words], options, (failure, out, error) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, error }),
    );
  });
}

/** A command for the agent at an address, by a token whose name is a role of the test's harness. */
export function runFor(
  url: string,
  words: string[],
  { token = "admin-token", cwd, env }: CommandOptions & { token?: string } = {},
): Promise<Done> {
  return runCommand(words, { cwd, env: { FLEETLING_URL: url, FLEETLING_TOKEN: token, ...env } });
}
