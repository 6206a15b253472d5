/** What README.md shows works: its example app, its commands, its files. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { boardById } from "../../scripts/cli/build/boardFields.ts";
import { buildFirmware } from "../../scripts/cli/build/firmware.ts";
import { read, root, sourceFiles } from "./files.ts";

const readme = read("README.md");
const example = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? "";
const packageJson = JSON.parse(read("package.json"));

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "readme-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

describe("README's example app", () => {
  it("has ten lines", () => {
    expect(example.trimEnd().split("\n")).toHaveLength(10);
  });
  it("builds for a Puck.js within its budgets", async () => {
    const file = join(directory, "app.ts");
    writeFileSync(file, example);
    const firmware = await buildFirmware(boardById("puckjs"), file, { pretokenise: true });
    expect(firmware.imageText.length).toBeGreaterThan(500);
    const app = firmware.sizes.find((row) => row.name === "app");
    expect(app?.bytes).toBeGreaterThan(20);
    expect(app?.bytes).toBeLessThan(app?.budgetBytes ?? 0);
  });
  it("passes the type check where README says to save it", () => {
    const file = join(root, "app.ts");
    const options = {
      ...ts.readConfigFile(join(root, "tsconfig.json"), ts.sys.readFile).config.compilerOptions,
      ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
      ...{ moduleResolution: ts.ModuleResolutionKind.Bundler, lib: ["lib.es2023.d.ts"] },
      types: ["node"],
    };
    const host = ts.createCompilerHost(options);
    const { getSourceFile, fileExists } = host;
    host.fileExists = (path) => path === file || fileExists(path);
    host.getSourceFile = (path, version) =>
      path === file ? ts.createSourceFile(path, example, version) : getSourceFile(path, version);
    const ambient = join(root, "firmware/runtime/interpreter.d.ts");
    const program = ts.createProgram([file, ambient], options, host);
    const found = ts.getPreEmitDiagnostics(program);
    expect(found.map((one) => ts.flattenDiagnosticMessageText(one.messageText, "\n"))).toEqual([]);
  });
});

describe("README", () => {
  it("names commands that package.json has, and each of those leads to a file", () => {
    const named = [
      ...readme.matchAll(/npm (?:run )?(demo|test|start|fleetling|espruino|imports)\b/g),
    ];
    for (const [, name] of named) expect(packageJson.scripts).toHaveProperty(name!);
    for (const script of Object.values<string>(packageJson.scripts)) {
      for (const [file] of script.matchAll(/\b(scripts|cloud-agent)\/[\w/.-]+/g)) {
        expect(existsSync(join(root, file)), file).toBe(true);
      }
    }
  });
  it("links to files that exist", () => {
    for (const [, target] of readme.matchAll(/\]\(([^)#:]+)\)/g)) {
      expect(existsSync(join(root, target!)), target).toBe(true);
    }
  });
  it("shows rooms that exist", () => {
    const tree = /```\nfirmware\/[\s\S]*?```/.exec(readme)?.[0] ?? "";
    let top = "";
    let count = 0;
    for (const line of tree.split("\n")) {
      const names = /^( *)((?:[\w.-]+(?:\/|\.md)\s)+)/.exec(`${line} `);
      if (!names) continue;
      const parts = names[2]!.trim().split(/\s+/);
      if (names[1] === "") top = parts[0]!;
      for (const part of parts) {
        const path = names[1] === "" ? part : `${top}${part}`;
        expect(existsSync(join(root, path)), path).toBe(true);
        count++;
      }
    }
    expect(count).toBeGreaterThan(20);
  });
  it("explains the words of an incident report", () => {
    const words =
      "slot manifest floor sequence claim epoch wave canary soak hold-back vitals verdict";
    for (const word of `${words} poison tombstone receipt journal trial`.split(" ")) {
      expect(readme).toMatch(new RegExp(`^\\| ${word} \\|`, "m"));
    }
  });
});

describe("the top level", () => {
  it("has the documents that a stranger looks for", () => {
    for (const name of ["README.md", "LICENSE", "CHANGELOG.md", "package-lock.json", ".ci/run"]) {
      expect(existsSync(join(root, name)), name).toBe(true);
    }
    expect(read("LICENSE")).toContain(
      "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",
    );
    expect(packageJson.license).toBe("Apache-2.0");
  });
  it("has a changelog of this version under the four headings", () => {
    const changelog = read("CHANGELOG.md");
    expect(changelog).toContain(`## ${packageJson.version}`);
    const headings = [...changelog.matchAll(/^### (.*)$/gm)].map(([, heading]) => heading);
    expect(new Set(headings)).toEqual(new Set(["Safety", "Breaking", "Added", "Fixed"]));
  });
  it("has a lock file that names no registry, and dependencies that are pinned and used", () => {
    const lock = read("package-lock.json");
    expect(lock).not.toMatch(/"resolved":/);
    const all = { ...packageJson.dependencies, ...packageJson.devDependencies };
    for (const [name, version] of Object.entries(all)) {
      expect(version, name).toMatch(/^\d+\.\d+\.\d+$/);
    }
    // Called by their command, or types only.
    const tools = ["@biomejs/biome", "vitest", "typescript", "dependency-cruiser"];
    const texts = sourceFiles("firmware", "cloud-agent", "scripts", "test").map(({ text }) => text);
    const isUsed = (name: string) =>
      texts.some((text) => text.includes(`"${name}"`) || text.includes(`"${name}/`));
    const unused = Object.keys(all).filter((name) => {
      return !name.startsWith("@types/") && !tools.includes(name) && !isUsed(name);
    });
    expect(unused).toEqual([]);
  });
});
