/** Starts the agent from the environment: `npm start`. */
import { createAgent } from "./agent.ts";
import { AgentError } from "./core/errors.ts";
import { systemClock } from "./platform/clock.ts";
import { configFromEnv } from "./platform/config.ts";
import { createLog } from "./platform/log.ts";
import { systemRandom } from "./platform/random.ts";

async function main(): Promise<void> {
  const config = configFromEnv(process.env);
  const log = createLog(config.logLevel);
  const agent = createAgent(config, {
    clock: systemClock,
    random: systemRandom,
    log,
    // Not through the log: logs are kept and sent on.
    showAdminToken: (token) =>
      process.stderr.write(`Administrator's token, shown once: ${token}\n`),
  });
  await agent.start();
  const { httpUrl, brokerPort } = agent;
  log.info({ httpUrl, brokerPort, data: config.data, lab: config.lab }, "agent runs");
  const stop = (signal: string) => {
    log.info({ signal }, "agent stops");
    agent.stop().then(
      () => process.exit(0),
      (err) => {
        log.error({ err }, "agent could not stop in order");
        process.exit(1);
      },
    );
  };
  process.once("SIGINT", stop);
  process.once("SIGTERM", stop);
}

main().catch((cause: unknown) => {
  const text = cause instanceof AgentError ? `${cause.name}: ${cause.message}` : cause;
  process.stderr.write(`${text instanceof Error ? text.stack : text}\n`);
  process.exit(1);
});
