import { join } from "node:path";
import { defineConfig } from "vitest/config";
import { postgresBinaries } from "./test/support/postgresServer.ts";

const agents = "test/cloud-agent";
/** Tests that run once more on the agent's other database. `npm run unit:postgres` takes all that open one; here are
 *  those that use most of it. */
const onPostgres = {
  name: "PostgreSQL",
  include: process.env.STORE_TESTS
    ? [`${agents}/{filter,http,outbox,provisioning,session,vitals}/**/*.test.ts`]
    : [
        `${agents}/http/{agent,claims,devices,export,ownership,releases,wholeLife}.test.ts`,
        `${agents}/provisioning/{claim,decommission}.test.ts`,
        `${agents}/session/{claim,frames,handshake,orders}.test.ts`,
        `${agents}/{filter/saved,http/transferHttp,outbox/*,vitals/*}.test.ts`,
      ],
  // It reads the rows of its file.
  exclude: [`${agents}/session/hello.test.ts`],
  env: { STORE: "postgres" },
};

export default defineConfig({
  test: {
    globalSetup: "test/support/postgresServer.ts",
    pool: "threads",
    // Two cores: more workers only wait for each other.
    maxWorkers: 2,
    // A busy machine is slow, not wrong: a limit is for what hangs.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // One folder for all workers and all commands they start, wherever these run.
    env: { FLEETLING_BUILD_CACHE: join(import.meta.dirname, "node_modules/.cache/fleetling") },
    projects: [
      { extends: true, test: { name: "all", include: ["test/**/*.test.ts"] } },
      ...(postgresBinaries() ? [{ extends: true as const, test: onPostgres }] : []),
    ],
  },
});
