import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { AgentError, errorKinds } from "../../../cloud-agent/core/errors.ts";
import { durationText } from "../../../cloud-agent/core/rollout/policy/duration.ts";
import { readPolicyFile } from "../../../cloud-agent/core/rollout/policy/file.ts";
import { policyFileSchema } from "../../../cloud-agent/core/rollout/policy/fileSchema.ts";
import { parsePolicy } from "../../../cloud-agent/core/rollout/policy.ts";
import type { RolloutPolicy } from "../../../cloud-agent/core/rollout/types.ts";
import {
  ApiError,
  type ApiFlags,
  callApi,
  columns,
  path,
  show,
  withApiFlags,
} from "../api/client.ts";

/** What the lines show of a rollout; the reply has more. */
interface Rollout {
  id: string;
  status: string;
  wave: number;
  haltReason: string | null;
  policy: RolloutPolicy;
  assigned: Record<string, number>;
  holdBack: string[];
}
interface RolloutLine {
  id: string;
  name: string;
  sequence: number;
  status: string;
  wave: number;
  waves: number;
  haltReason: string | null;
  devices: Record<"assigned" | "offered" | "confirmed", number>;
}

const startExample = `
Example:
  $ fleetling rollout check-policy rollout-policy.yaml
  $ fleetling rollout start --policy rollout-policy.yaml --release 7
  An example stands in cloud-agent/examples; fleetling rollout schema prints all that a file may hold.
`;

/** Adds `fleetling rollout …`. */
export function register(program: Command): void {
  const rollout = program
    .command("rollout")
    .description("Bring a release out in waves that are judged")
    .addHelpText("after", startExample);
  withApiFlags(rollout.command("start"))
    .description("Start the rollout of a release by a policy file")
    .requiredOption("--policy <file>", "policy, YAML")
    .requiredOption("--release <sequence>", "published release to bring out")
    .option("--emergency <reason>", "take the policy's emergency lane; two persons have to approve")
    .addHelpText("after", startExample)
    .action(async (flags: ApiFlags & { policy: string; release: string; emergency?: string }) => {
      const policy = readPolicy(flags.policy);
      const sequence = wholeNumber("--release", flags.release);
      const body = { ...policy, sequence, emergencyReason: flags.emergency };
      const draft = await callApi<Rollout>(flags, "POST", "/v1/rollouts", body);
      const { approvals = 0 } = draft.policy;
      if (approvals > 0) {
        const next = `it needs ${approvals} of: fleetling rollout approve ${draft.id}; then fleetling rollout go ${draft.id}`;
        return show(flags, draft, [lineOf(draft), next]);
      }
      const started = await callApi<Rollout>(flags, "POST", path`/v1/rollouts/${draft.id}/start`);
      show(flags, started, [lineOf(started)]);
    });
  registerFiles(rollout);
  registerList(rollout);
  registerWords(rollout);
}

function registerFiles(rollout: Command): void {
  rollout
    .command("check-policy")
    .description("Check a policy file without an agent: every mistake with its line")
    .argument("<file>", "policy, YAML")
    .option("--json", "print the policy with every default, as the agent takes it")
    .action((file: string, flags: { json?: boolean }) => {
      const given = { ...readPolicy(file), sequence: 1, author: "author" };
      const { sequence, author, approver, ...policy } = parsePolicy(given);
      const text = flags.json ? JSON.stringify(policy) : planOf(policy).join("\n");
      process.stdout.write(`${text}\n`);
    });
  rollout
    .command("schema")
    .description("Print the JSON Schema of policy files, for editors and checks")
    .action(() => {
      process.stdout.write(`${JSON.stringify(policyFileSchema(), null, 2)}\n`);
    });
}

function registerList(rollout: Command): void {
  withApiFlags(rollout.command("list"))
    .description("All rollouts with their counts")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<{ rollouts: RolloutLine[] }>(flags, "GET", "/v1/rollouts");
      const rows = reply.rollouts.map(({ devices, ...one }) => [
        ...[one.id, one.sequence, one.status, `${one.wave + 1} of ${one.waves}`],
        ...[devices.confirmed, devices.offered, devices.assigned, one.name],
      ]);
      const head = ["id", "release", "status", "wave", "confirmed", "offered", "devices", "name"];
      show(flags, reply, columns(head, rows));
    });
  withApiFlags(rollout.command("show"))
    .description("One rollout with its verdicts")
    .argument("<id>")
    .action(async (id: string, flags: ApiFlags) => {
      const one = await callApi<Rollout & { verdicts: { result: string; reason: string }[] }>(
        flags,
        "GET",
        path`/v1/rollouts/${id}`,
      );
      const verdicts = one.verdicts.map(({ result, reason }) => `  ${result}: ${reason}`);
      show(flags, one, [lineOf(one), ...verdicts]);
    });
}

function registerWords(rollout: Command): void {
  for (const [name, verb, words] of [
    ["approve", "approve", "Approve a draft by the own token; its author cannot"],
    ["go", "start", "Start an approved draft"],
    ["pause", "pause", "Stop offering until resumed"],
    ["resume", "resume", "Go on; failures seen so far are acknowledged"],
  ] as const) {
    withApiFlags(rollout.command(name))
      .description(words)
      .argument("<id>")
      .action(async (id: string, flags: ApiFlags) => {
        const one = await callApi<Rollout>(flags, "POST", path`/v1/rollouts/${id}/${verb}`);
        show(flags, one, [lineOf(one)]);
      });
  }
  withApiFlags(rollout.command("promote"))
    .description("Open the next wave by hand; failures seen so far are acknowledged")
    .argument("<id>")
    .requiredOption("--reason <text>", "why; goes into the verdict and the log")
    .action(async (id: string, flags: ApiFlags & { reason: string }) => {
      const { reason } = flags;
      const one = await callApi<Rollout>(flags, "POST", path`/v1/rollouts/${id}/promote`, {
        reason,
      });
      show(flags, one, [lineOf(one)]);
    });
  withApiFlags(rollout.command("abort"))
    .description("End it for good; updated devices keep the release")
    .argument("<id>")
    .option("--revert", "take updated devices back to the release in their other slot")
    .option("--to <sequence>", "take back only to this release; the others are listed")
    .action(async (id: string, flags: ApiFlags & { revert?: boolean; to?: string }) => {
      const { revert, to } = flags;
      const confirmed = revert || to !== undefined ? "revert" : "keep";
      const body = {
        confirmed,
        ...(to === undefined ? {} : { toSequence: wholeNumber("--to", to) }),
      };
      const one = await callApi<Rollout>(flags, "POST", path`/v1/rollouts/${id}/abort`, body);
      show(flags, one, [lineOf(one)]);
    });
}

function lineOf(one: Rollout): string {
  const { policy, assigned, holdBack, wave } = one;
  const place = one.status === "draft" ? "" : `, wave ${wave + 1} of ${policy.waves.length}`;
  const reason = one.haltReason === null ? "" : `: ${one.haltReason}`;
  const devices = `${Object.keys(assigned).length} devices, ${holdBack.length} held back`;
  return `${one.id}  release ${policy.sequence}  ${one.status}${place}  ${devices}${reason}`;
}

/** The waves of a policy as a table. */
function planOf(policy: Omit<RolloutPolicy, "sequence" | "author" | "approver">): string[] {
  const rows = policy.waves.map(({ name, size, soakMs, confirmShare }, index) => {
    const [[unit, count]] = Object.entries(size) as [[string, number]];
    const words: Record<string, string> = {
      percent: `${count} %`,
      perBoard: `${count} of each board`,
      count: `${count} devices`,
    };
    return [index + 1, name, words[unit]!, durationText(soakMs), `${confirmShare * 100} %`];
  });
  return [
    `${policy.name}: the policy is good.`,
    ...columns(["wave", "name", "size", "soak", "confirmed"], rows),
  ];
}

function readPolicy(file: string): Record<string, unknown> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new ApiError(
      "FILE_INVALID",
      `FILE_INVALID: ${file}: expected a policy file, got: ${(cause as Error).message}. See --help.`,
      { cause },
    );
  }
  try {
    return readPolicyFile(text, file);
  } catch (cause) {
    if (!(cause instanceof AgentError)) throw cause;
    const { name } = cause;
    throw new ApiError(name, `${cause.message}\n${name}: ${errorKinds[cause.code]!.next}`, {
      cause,
    });
  }
}

function wholeNumber(name: string, text: string): number {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  throw new ApiError(
    "FLAG_INVALID",
    `FLAG_INVALID: ${name}: expected a whole number from 1, got "${text}". See --help.`,
  );
}
