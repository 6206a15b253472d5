import type { Command } from "commander";
import {
  type ApiFlags,
  callApi,
  columns,
  path,
  secondsOf,
  show,
  withApiFlags,
} from "../api/client.ts";
import { timeText } from "../api/time.ts";

interface Token {
  id: string;
  role: string;
  name: string;
  expiresMs: number | null;
}

const newExample = `
Roles: viewer, operator, releaser, approver, desk, line, installer, gateway, admin.

Examples:
  $ fleetling token new --role viewer --name prometheus
  $ fleetling token new --role line --name line-2 --expires 30d
  The text is printed once; the agent keeps its hash only.
`;

/** Adds `fleetling token new | list | revoke`. */
export function register(program: Command): void {
  const token = program
    .command("token")
    .description("Who may call the agent: tokens of people, lines and gateways");
  withApiFlags(token.command("new"))
    .description("Make a token")
    .requiredOption("--role <role>", "what its bearer may do")
    .requiredOption("--name <name>", "who that is")
    .option("--expires <time>", "from now, like 12h or 30d; omitted: never")
    .addHelpText("after", newExample)
    .action(async (flags: ApiFlags & { role: string; name: string; expires?: string }) => {
      const { role, name, expires } = flags;
      const expiresMs =
        expires === undefined ? null : Date.now() + secondsOf(expires, "--expires") * 1000;
      const made = await callApi<Token & { token: string }>(flags, "POST", "/v1/tokens", {
        ...{ role, name, expiresMs },
      });
      show(flags, made, [made.token]);
    });
  withApiFlags(token.command("list"))
    .description("All tokens, without their text")
    .addHelpText("after", "\nExample:\n  $ fleetling token list --json\n")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<{ tokens: Token[] }>(flags, "GET", "/v1/tokens");
      const rows = reply.tokens.map((one) => [
        one.id,
        one.role,
        one.name,
        timeText(one.expiresMs) ?? "never",
      ]);
      show(flags, reply, columns(["token", "role", "name", "expires"], rows));
    });
  withApiFlags(token.command("revoke"))
    .description("End a token now")
    .argument("<id>", "as fleetling token list shows it")
    .addHelpText("after", "\nExample:\n  $ fleetling token revoke 0c9e7a4b11d2f3aa\n")
    .action(async (id: string, flags: ApiFlags) => {
      const ended = await callApi<Token>(flags, "DELETE", path`/v1/tokens/${id}`);
      show(flags, ended, [`the token of ${ended.name} (${ended.role}) is no longer taken`]);
    });
}
