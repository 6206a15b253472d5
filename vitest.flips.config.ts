import { defineConfig } from "vitest/config";

/** `npm run flips`: half a minute of damage that `npm test` only samples. */
export default defineConfig({
  test: { include: ["test/**/*.flips.ts"], testTimeout: 300_000 },
});
