import { join } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    pool: "threads",
    // Two cores: more workers only wait for each other.
    maxWorkers: 2,
    // A busy machine is slow, not wrong: a limit is for what hangs.
    // One folder for all workers and all commands they start, wherever these run.
    env: { FLEETLING_BUILD_CACHE: join(import.meta.dirname, "node_modules/.cache/fleetling") },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
