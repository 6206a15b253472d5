import type { Command } from "commander";
import { Gateway } from "./gateway.ts";
import { openChild, openPath } from "./streams.ts";

interface Flags {
  broker: string;
  id: string;
  token?: string;
  user?: string;
  listen?: string;
  host: string;
  line: string[];
  child: string[];
}

const example = `
Examples:
  $ FLEETLING_GATEWAY_TOKEN=flt_… fleetling gateway --broker mqtt://127.0.0.1:1883 --id hall-1 --line /dev/ttyACM0
  On a Mosquitto with the files of fleetling agent mosquitto:
  $ FLEETLING_GATEWAY_TOKEN=… fleetling gateway --broker mqtt://127.0.0.1:1884 --id hall-1 --user gw-hall-1 --listen 7000
`;

const collect = (value: string, list: string[]) => [...list, value];

/** Adds `fleetling gateway`. */
export function register(program: Command): void {
  program
    .command("gateway")
    .description("carry devices on lines (TCP, serial, child process) to the agent's broker")
    .requiredOption("--broker <url>", "the agent's broker, mqtt://host:port")
    .requiredOption("--id <name>", "name of this gateway, the name of its token")
    .option(
      "--token <token>",
      "token with role gateway; default: environment FLEETLING_GATEWAY_TOKEN",
    )
    .option("--user <name>", "user name at the broker; default gw:ID, as the agent's own wants it")
    .option("--listen <port>", "TCP port for device links; 0 picks one")
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--line <path>", "serial port or pty, raw mode; may be repeated", collect, [])
    .option(
      "--child <command>",
      "program that speaks the line protocol; may be repeated",
      collect,
      [],
    )
    .addHelpText("after", example)
    .action(run);
}

async function run(flags: Flags): Promise<void> {
  const say = (text: string) => process.stdout.write(text + "\n");
  const token = flags.token ?? process.env.FLEETLING_GATEWAY_TOKEN ?? "";
  const gateway = new Gateway({
    ...{ broker: flags.broker, id: flags.id, user: flags.user, token, log: say },
  });
  const end = () => void gateway.stop().then(() => process.exit(0));
  process.once("SIGINT", end);
  process.once("SIGTERM", end);
  if (flags.listen !== undefined) {
    say(`listening on port ${await gateway.listen(Number(flags.listen), flags.host)}`);
  }
  for (const path of flags.line) gateway.attach(openPath(path));
  for (const command of flags.child) gateway.attach(openChild(command.split(" ")).stream);
  await gateway.start();
}
