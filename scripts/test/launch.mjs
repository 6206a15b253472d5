// `npm test`: installs if need be, then lint, types, import rules and all tests; ends with "N passed, N failed".
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureInstalled } from "../lib/install.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
ensureInstalled(root);
const bin = (name) => join(root, "node_modules", ".bin", name);
const run = (title, name, args) => {
  process.stdout.write(`\n== ${title}\n`);
  return spawnSync(bin(name), args, { cwd: root, stdio: "inherit" }).status === 0;
};

const report = join(root, "node_modules", ".vitest-report.json");
rmSync(report, { force: true });
const gates = [
  ["format and lint", "biome", ["ci", "--error-on-warnings", "."]],
  ["types", "tsc", ["-p", "tsconfig.json", "--noEmit"]],
  [
    "import rules",
    "depcruise",
    ["--config", ".dependency-cruiser.cjs", "firmware", "cloud-agent", "boards", "scripts", "test"],
  ],
];
let passed = 0;
let failed = 0;
for (const [title, name, args] of gates) {
  if (run(title, name, args)) passed++;
  else failed++;
}
run("tests", "vitest", [
  "run",
  "--reporter=default",
  "--reporter=json",
  `--outputFile.json=${report}`,
]);
try {
  const r = JSON.parse(readFileSync(report, "utf8"));
  passed += r.numPassedTests;
  // A file that does not load has no test that could fail, so it counts as one.
  const brokenFiles = r.testResults.filter(
    (f) => f.status === "failed" && !f.assertionResults.some((a) => a.status === "failed"),
  );
  failed += r.numFailedTests + brokenFiles.length;
  if (!r.numTotalTests) failed++;
} catch (error) {
  process.stderr.write(`the test runner left no report: ${error.message}\n`);
  failed++;
}
process.stdout.write(`\n${passed} passed, ${failed} failed\n`);
process.exit(failed ? 1 : 0);
