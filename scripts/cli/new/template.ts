import { readFileSync } from "node:fs";
import type { Board } from "../../../boards/index.ts";

const packageFile = new URL("../../../package.json", import.meta.url);

/** Files of a new project by name. The versions of its tools are those that this package is tested with. Pure but for them. */
export function projectFiles(name: string, board: Board): Record<string, string> {
  const own = JSON.parse(readFileSync(packageFile, "utf8"));
  const tools = ["@types/node", "typescript", "vitest"];
  const devDependencies = {
    fleetling: own.version,
    ...Object.fromEntries(tools.map((tool) => [tool, own.devDependencies[tool]])),
  };
  // Boards with little flash take packed texts only.
  const packing = board.plan.totalPages <= 10 ? " --pretokenise" : "";
  const build = `fleetling build app.ts --board ${board.id}${packing} --out build`;
  const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`;
  return {
    "package.json": json({
      ...{ name, version: "0.1.0", private: true, type: "module" },
      scripts: { build, test: "vitest run", typecheck: "tsc --noEmit" },
      devDependencies,
    }),
    "app.ts": app,
    "app.test.ts": test.replaceAll("BOARD", board.id),
    "vitest.config.js": vitestConfig,
    "tsconfig.json": json({
      compilerOptions: {
        ...{ target: "ES2022", module: "ESNext", moduleResolution: "Bundler", lib: ["ES2023"] },
        ...{ types: ["node"], strict: true, noEmit: true, skipLibCheck: true },
        ...{ allowImportingTsExtensions: true, verbatimModuleSyntax: true },
      },
      include: ["*.ts"],
    }),
    "README.md": readme(name, board),
    ".gitignore": "node_modules\nbuild/\nkeys/\n",
  };
}

const app = `import type { Device } from "fleetling/app";

/** what the app reports */
export const metrics = ["ticks"];

/** what the owner may set */
export const settings = {
  everyS: { type: "number", min: 1, max: 3600, default: 10 },
};

/** where owner data is kept, so that a wipe can clear it: nowhere */
export const regions = [];

let ticks = 0;

export function start(device: Device) {
  const tick = () => {
    device.metric("ticks", ++ticks);
    setTimeout(tick, (device.setting("everyS") as number) * 1000);
  };
  tick();
}

/** A release on trial is kept only when this says true. */
export function healthy() {
  return ticks > 0 || "the first tick did not come";
}
`;

const test = `import { minutes, simulate } from "fleetling/testing";
import { expect, test } from "vitest";

const app = new URL("./app.ts", import.meta.url);

test("ticks every ten seconds until the owner wants otherwise", async () => {
  const device = await simulate(app, { board: "BOARD" });
  device.advance(minutes(5));
  const before = device.metric("ticks")!.last;
  expect(before).toBeGreaterThan(20);
  device.set({ everyS: 3600 });
  device.advance(minutes(30));
  expect(device.metric("ticks")!.last).toBeLessThan(before + 10);
});

test("is confirmed as an update, and leaves nothing behind", async () => {
  const device = await simulate(app, { board: "BOARD" });
  expect(await device.update(app)).toMatchObject({ sequence: 2, slot: "confirmed" });
  expect(device.wipe("scrap")).toBe(true);
});
`;

const vitestConfig = `import { defineConfig } from "vitest/config";

export default defineConfig({
  // The test kit is TypeScript, and it builds the firmware before the first test.
  test: { server: { deps: { inline: ["fleetling"] } }, testTimeout: 120_000 },
});
`;

const readme = (name: string, board: Board) => `# ${name}

Firmware for ${board.name}, made with Fleetling.

\`\`\`
npm install
npm test        # the app on a simulated ${board.name}, under a virtual clock
npm run build   # what the board is flashed with, in build/
\`\`\`

\`app.ts\` is the app. What it may use is told in \`fleetling/app\`, what a test may do in \`fleetling/testing\`.
`;
