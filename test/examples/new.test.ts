/** `fleetling new` makes a project that builds and tests at once, offline. */
import { execFile } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "../tidy/files.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "fleetling-new-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function node(cwd: string, ...args: string[]) {
  return new Promise<{ code: number; out: string; err: string }>((done) => {
    const env = { ...process.env, VITEST: undefined, NODE_ENV: undefined, NO_COLOR: "1" };
    const child = execFile(process.execPath, args, { cwd, env }, (_, out, err) =>
      done({ code: child.exitCode ?? -1, out, err }),
    );
  });
}
const fleetling = (cwd: string, ...args: string[]) =>
  node(cwd, join(root, "scripts/cli/bin.mjs"), ...args);

/** What npm install would do, without a network. */
function link(project: string): void {
  mkdirSync(join(project, "node_modules"));
  symlinkSync(root, join(project, "node_modules/fleetling"));
  for (const name of ["vitest", "typescript", "@types"])
    symlinkSync(join(root, "node_modules", name), join(project, "node_modules", name));
}

describe("fleetling new", () => {
  it("makes a project whose tests pass, which type-checks and which builds", async () => {
    const made = await fleetling(directory, "new", "porch-light");
    expect(made.err).toBe("");
    expect(made.out).toContain("next: cd porch-light && npm install && npm test\n");
    const project = join(directory, "porch-light");
    expect(readdirSync(project).sort()).toEqual([
      ...[".gitignore", "README.md", "app.test.ts", "app.ts", "package.json"],
      ...["tsconfig.json", "vitest.config.js"],
    ]);
    link(project);
    const tests = await node(project, "node_modules/vitest/vitest.mjs", "run");
    expect(tests.out).toMatch(/Tests +2 passed \(2\)/);
    expect(tests.code).toBe(0);
    const types = await node(project, "node_modules/typescript/bin/tsc", "--noEmit");
    expect(types).toEqual({ code: 0, out: "", err: "" });
    const { scripts } = JSON.parse(readFileSync(join(project, "package.json"), "utf8"));
    const [command, ...args] = scripts.build.split(" ");
    expect(command).toBe("fleetling");
    expect((await fleetling(project, ...args)).err).toBe("");
    expect(existsSync(join(project, "build/image.js"))).toBe(true);
  }, 300_000);

  it("makes it for another board, and tells what it made as JSON", async () => {
    const made = await fleetling(directory, "new", "hall", "--board", "esp32", "--json");
    const told = JSON.parse(made.out);
    expect(told).toMatchObject({ name: "hall", board: "esp32", dir: join(directory, "hall") });
    const text = (file: string) => readFileSync(join(directory, "hall", file), "utf8");
    expect(text("app.test.ts")).toContain('{ board: "esp32" }');
    expect(JSON.parse(text("package.json")).scripts.build).toBe(
      "fleetling build app.ts --board esp32 --out build",
    );
    expect(told.files).toContain("app.ts");
  });

  it.each(["Porch", "9lives", "a b", "../x", "", "x".repeat(64), "käse"])(
    "refuses the name %j",
    async (name) => {
      const run = await fleetling(directory, "new", "--", name);
      expect(run).toMatchObject({ code: 1, out: "" });
      expect(run.err).toMatch(/^NEW_NAME: name: expected a small letter.*Choose another name/);
    },
  );

  it("refuses a folder that holds something, and an unknown board, and writes nothing", async () => {
    mkdirSync(join(directory, "full"));
    writeFileSync(join(directory, "full/notes.txt"), "mine");
    const full = await fleetling(directory, "new", "full");
    expect(full.err).toContain("NEW_EXISTS: ");
    expect(full.err).toContain("expected no such folder, or an empty one, got 1 entries");
    expect(readdirSync(join(directory, "full"))).toEqual(["notes.txt"]);
    const board = await fleetling(directory, "new", "other", "--board", "toaster");
    expect(board.err).toMatch(/^BUILD_BOARD_UNKNOWN: board: expected one of /);
    expect(existsSync(join(directory, "other"))).toBe(false);
  });

  it("has help with an example", async () => {
    const { out } = await fleetling(directory, "new", "--help");
    expect(out).toContain("$ fleetling new porch-light --board puckjs");
  });
});
