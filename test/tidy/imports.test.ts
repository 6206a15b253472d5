/** The import rules of .dependency-cruiser.cjs see the tree, and each finds what breaks it. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { cruise, type ICruiseOptions, type ICruiseResult } from "dependency-cruiser";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { root } from "./files.ts";

const config = createRequire(import.meta.url)(join(root, ".dependency-cruiser.cjs"));
const folders = ["firmware", "cloud-agent", "boards", "scripts", "test"];

async function look(baseDir: string, paths: string[]): Promise<ICruiseResult> {
  const { tsConfig: _, ...rest } = config.options;
  const options: ICruiseOptions = {
    ...rest,
    baseDir,
    validate: true,
    ruleSet: { forbidden: config.forbidden },
  };
  const { output } = await cruise(paths, options, config.options.enhancedResolveOptions);
  return output as ICruiseResult;
}

/** Rule, file that breaks it, what the file imports. */
const planted: [string, string, string][] = [
  ["protocol-imports-nothing", "firmware/protocol/cbor.ts", "firmware/crypto/hmac.ts"],
  ["protocol-not-host", "firmware/core/a.ts", "firmware/protocol/host/b.ts"],
  ["crypto-below-flash", "firmware/crypto/a.ts", "firmware/flash/b.ts"],
  ["flash-below-core", "firmware/flash/a.ts", "firmware/core/b.ts"],
  ["core-not-runtime", "firmware/core/a.ts", "firmware/runtime/b.ts"],
  ["runtime-through-interface", "firmware/runtime/a.ts", "firmware/core/boot0.ts"],
  ["host-not-above", "firmware/protocol/host/a.ts", "scripts/b.ts"],
  ["agent-not-device", "cloud-agent/a.ts", "firmware/core/b.ts"],
  ["agent-core-is-pure", "cloud-agent/core/a.ts", "cloud-agent/storage/b.ts"],
  ["field-without-agent", "scripts/cli/factory/a.ts", "cloud-agent/b.ts"],
  ["shipped-not-test", "cloud-agent/a.ts", "test/b.ts"],
  ["boards-are-data", "boards/a.ts", "scripts/b.ts"],
];

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "imports-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

function plant(tree: string, files: Record<string, string>): string {
  const base = join(directory, tree);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(base, path)), { recursive: true });
    writeFileSync(join(base, path), text);
  }
  return base;
}

const importOf = (path: string, depth: number) => `import "${"../".repeat(depth)}${path}";\n`;
const depthOf = (path: string) => path.split("/").length - 1;
const broken = (result: ICruiseResult) =>
  result.summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`);

describe("the import rules", () => {
  it("see the whole tree, and nothing in it breaks them", async () => {
    const result = await look(root, folders);
    expect(result.modules.length).toBeGreaterThan(200);
    const unresolved = result.modules.flatMap((module) =>
      module.dependencies.filter((one) => one.couldNotResolve && /^[./]/.test(one.module)),
    );
    expect(unresolved.map((one) => one.module)).toEqual([]);
    expect(broken(result)).toEqual([]);
  });

  it.each(planted)("find what is planted against %s", async (name, from, to) => {
    const files = { [from]: importOf(to, depthOf(from)), [to]: "export const x = 1;\n" };
    const base = plant(name, files);
    const result = await look(base, [from.split("/")[0]!]);
    expect(broken(result)).toContain(`${name}: ${from} -> ${to}`);
  });

  it("find a planted cycle", async () => {
    const base = plant("cycle", {
      "scripts/a.ts": 'import { b } from "./b.ts";\nexport const a = () => b;\n',
      "scripts/b.ts": 'import { a } from "./a.ts";\nexport const b = () => a;\n',
    });
    const result = await look(base, ["scripts"]);
    expect(broken(result)).toContain("no-circular: scripts/a.ts -> scripts/b.ts");
  });

  it("each have something planted against them", () => {
    const names = config.forbidden.map((rule: { name: string }) => rule.name);
    expect([...planted.map(([name]) => name), "no-circular"].sort()).toEqual(names.sort());
  });
});
