/** Files by which a Mosquitto confines devices, gateways and agents to their topics. */
import { pbkdf2Sync, randomBytes } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { messageBytesMax } from "../../../firmware/protocol/limits.ts";
import { ToolError } from "../keys/errors.ts";

/** As mosquitto_passwd does it. Source: mosquitto 2.0, apps/mosquitto_passwd, "$7$" */
const iterations = 101;
const [saltBytes, hashBytes] = [12, 64];

export interface MosquittoOptions {
  dir: string;
  gateways: string[];
  devicePort: number;
  agentPort: number;
}

/** Writes mosquitto.conf, devices.acl, agents.acl, passwd and secrets.json.
 *  @returns the secrets by user, which only secrets.json has
 *  @throws ToolError BROKER_FILES */
export function writeMosquitto(options: MosquittoOptions): Record<string, string> {
  const { gateways, devicePort, agentPort } = options;
  const dir = resolve(options.dir);
  if (existsSync(join(dir, "mosquitto.conf"))) throw refuse(dir, "no mosquitto.conf", "one");
  for (const id of gateways)
    if (!/^[A-Za-z0-9_-]{1,32}$/.test(id))
      throw refuse(`--gateway ${id}`, "1 to 32 letters, digits, - or _", id);
  mkdirSync(dir, { recursive: true });
  // A user of its password file has no colon, which a gateway otherwise has: --user tells it this one.
  const users = ["agent", ...gateways.map((id) => `gw-${id}`)];
  const secrets = Object.fromEntries(
    users.map((user) => [user, randomBytes(24).toString("base64url")]),
  );
  const write = (name: string, text: string, mode = 0o644) =>
    writeFileSync(join(dir, name), text, { mode });
  write("mosquitto.conf", configOf(dir, devicePort, agentPort));
  write("devices.acl", deviceRules);
  write("agents.acl", agentRules(gateways));
  // Mosquitto reads it as a user of its own, and warns when others may read it: give it to that user.
  write("passwd", users.map((user) => `${user}:${hashOf(secrets[user]!)}\n`).join(""));
  write("secrets.json", `${JSON.stringify(secrets, null, 2)}\n`, 0o600);
  return secrets;
}

function configOf(dir: string, devicePort: number, agentPort: number): string {
  return `# Written by fleetling agent mosquitto. Devices and the rest come in by different doors.
per_listener_settings true
persistence false
message_size_limit ${messageBytesMax}
max_inflight_messages 4
max_queued_messages 16
allow_zero_length_clientid false

# Devices: confined to the topics of the serial that they name; who they are is proved inside the messages.
listener ${devicePort}
allow_anonymous true
use_username_as_clientid true
acl_file ${join(dir, "devices.acl")}

# Agents and gateways: by password. Let nobody else reach this port, or put TLS before it.
listener ${agentPort}
allow_anonymous false
password_file ${join(dir, "passwd")}
acl_file ${join(dir, "agents.acl")}
`;
}

const deviceRules = `# A device publishes to its own topic and hears its own; without a user name there is no topic.
pattern write fl/%u/up
pattern read fl/%u/dn
`;

function agentRules(gateways: string[]): string {
  const rules = [
    ...["user agent", "topic read fl/+/up", "topic write fl/+/dn"],
    ...["topic read gw/+/up/+", "topic write gw/+/dn/+"],
  ];
  for (const id of gateways)
    rules.push("", `user gw-${id}`, `topic write gw/${id}/up/+`, `topic read gw/${id}/dn/+`);
  return `${rules.join("\n")}\n`;
}

function hashOf(secret: string): string {
  const salt = randomBytes(saltBytes);
  const hash = pbkdf2Sync(secret, salt, iterations, hashBytes, "sha512");
  return `$7$${iterations}$${salt.toString("base64")}$${hash.toString("base64")}`;
}

function refuse(object: string, expected: string, found: string): ToolError {
  return new ToolError("BROKER_FILES", {
    object,
    expected,
    found,
    next: "Name another folder or gateway; nothing was written.",
  });
}
