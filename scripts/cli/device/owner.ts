import type { Command } from "commander";
import { type ApiFlags, callApi, flagInvalid, path, show, withApiFlags } from "../api/client.ts";
import { timeText } from "../api/time.ts";

interface Owned {
  serial: string;
  lifecycleName: string;
  account: string | null;
  /** calls to other systems that it waits for */
  provisioning: string | null;
  entitlement: { plan: string; untilMs: number | null; endedMs?: number | null } | null;
  consent: {
    terms: string;
    person: string;
    data: Record<string, boolean>;
    endedMs?: number | null;
  } | null;
}

interface OwnerFlags extends ApiFlags {
  plan?: string;
  until?: string;
  terms?: string;
  agreedBy?: string;
  agreedAt?: string;
  allow?: string[];
  deny?: string[];
}

const claimExample = `
Examples:
  $ fleetling device claim PUCK-0042 --code 4X2KQ-7WJ9P-3M5TH-1 --account acme
  $ fleetling device claim PUCK-0042 --code 4X2KQ-7WJ9P-3M5TH-1 --account acme \\
      --plan gold-2027 --until 2027-12-31 --terms 2026-11 --agreed-by ann@acme.example --allow telemetry
`;
const ownerExample = `
Examples:
  $ fleetling device owner PUCK-0042 --plan gold-2028 --until 2028-12-31
  $ fleetling device owner PUCK-0042 --terms 2027-02 --agreed-by ann@acme.example --deny telemetry
  $ fleetling device owner PUCK-0042 --end-entitlement
`;
const decommissionExample = `
Example:
  $ fleetling device decommission PUCK-0042 --mode resale --person ann --confirm PUCK-0042
`;

/** Adds `claim`, `owner` and `decommission`: whose a device is, from its first day to its last. */
export function registerOwner(device: Command): void {
  withOwnerFlags(device.command("claim"))
    .description("Claim a device with its label's code; it has 15 minutes to confirm")
    .argument("<serial>")
    .requiredOption("--code <code>", "as printed on the label")
    .option("--account <account>", "whose it is")
    .addHelpText("after", claimExample)
    .action(async (serial: string, flags: OwnerFlags & { code: string; account?: string }) => {
      const { code, account } = flags;
      const claim = { serial, code, ...(account === undefined ? {} : { account }) };
      const reply = await callApi<Owned>(flags, "POST", "/v1/claims", {
        ...claim,
        ...ownershipOf(flags),
      });
      show(flags, reply, [`${serial}: ${reply.lifecycleName}`, ...lines(reply)]);
    });
  withOwnerFlags(device.command("owner"))
    .description("Change what is known of a device's owner: entitlement and consent")
    .argument("<serial>")
    .option("--end-entitlement", "the entitlement ends now")
    .option("--withdraw-consent", "the consent ends now")
    .addHelpText("after", ownerExample)
    .action(
      async (
        serial: string,
        flags: OwnerFlags & { endEntitlement?: boolean; withdrawConsent?: boolean },
      ) => {
        const body = {
          ...ownershipOf(flags),
          ...(flags.endEntitlement ? { entitlement: null } : {}),
          ...(flags.withdrawConsent ? { consent: null } : {}),
        };
        if (Object.keys(body).length === 0) throw flagInvalid("--plan or --terms", "one", "none");
        const url = path`/v1/devices/${serial}/ownership`;
        const reply = await callApi<Owned>(flags, "PUT", url, body);
        show(flags, reply, [`${serial}: ${reply.lifecycleName}`, ...lines(reply)]);
      },
    );
  withApiFlags(device.command("decommission"))
    .description(
      "End a device's service: billing stops now, the device is wiped when it is reached",
    )
    .argument("<serial>")
    .requiredOption("--mode <mode>", "resale, return or scrap")
    .requiredOption("--person <name>", "who orders it; stands on the certificate")
    .requiredOption("--confirm <serial>", "the serial again: there is no way back")
    .addHelpText("after", decommissionExample)
    .action(
      async (
        serial: string,
        flags: ApiFlags & { mode: string; person: string; confirm: string },
      ) => {
        const { mode, person, confirm } = flags;
        if (confirm !== serial) throw flagInvalid("--confirm", serial, confirm);
        const url = path`/v1/devices/${serial}/decommission`;
        const reply = await callApi<Owned>(flags, "POST", url, { mode, person });
        show(flags, reply, [`${serial}: ${reply.lifecycleName}`, ...lines(reply)]);
      },
    );
}

function withOwnerFlags(command: Command): Command {
  return withApiFlags(command)
    .option("--plan <plan>", "plan or subscription that pays for it")
    .option("--until <day>", "last day of the plan, like 2027-12-31 (UTC); default open")
    .option("--terms <version>", "terms that the owner agreed to")
    .option("--agreed-by <name>", "who agreed; default the token's name")
    .option("--agreed-at <time>", "when, like 2026-11-28T10:00:00Z; default now")
    .option("--allow <data...>", "data that may be used, for example telemetry")
    .option("--deny <data...>", "data that may not be used");
}

function ownershipOf(flags: OwnerFlags): { entitlement?: object; consent?: object } {
  const { plan, until, terms, agreedBy, agreedAt, allow = [], deny = [] } = flags;
  if (plan === undefined && until !== undefined) throw flagInvalid("--plan", "a plan", "none");
  const isAgreed = agreedBy !== undefined || agreedAt !== undefined;
  if (terms === undefined && (isAgreed || allow.length + deny.length > 0)) {
    throw flagInvalid("--terms", "the version of the terms", "none");
  }
  const twice = allow.find((name) => deny.includes(name));
  if (twice !== undefined) throw flagInvalid("--deny", "data that is not allowed", twice);
  const data = Object.fromEntries([
    ...allow.map((name) => [name, true]),
    ...deny.map((name) => [name, false]),
  ]);
  return {
    ...(plan === undefined ? {} : { entitlement: { plan, untilMs: endOfDay(until) } }),
    ...(terms === undefined
      ? {}
      : {
          consent: {
            ...{ terms, data },
            ...(agreedBy === undefined ? {} : { person: agreedBy }),
            ...(agreedAt === undefined ? {} : { atMs: msOf(agreedAt) }),
          },
        }),
  };
}

/** The plan is good for the whole of its last day. */
function endOfDay(day: string | undefined): number | null {
  if (day === undefined) return null;
  const ms = Date.parse(`${day}T00:00:00Z`);
  const isDay = /^\d{4}-\d\d-\d\d$/.test(day) && new Date(ms).toISOString().startsWith(day);
  if (!isDay) throw flagInvalid("--until", "a day like 2027-12-31", day);
  return ms + 86_400_000;
}

function msOf(time: string): number {
  const ms = Date.parse(time);
  if (/^\d{4}-\d\d-\d\dT/.test(time) && ms >= 0) return ms;
  throw flagInvalid("--agreed-at", "a time like 2026-11-28T10:00:00Z", time);
}

function lines({ account, entitlement, consent, provisioning }: Owned): string[] {
  const found = [`account: ${account ?? "not named"}`];
  if (provisioning) found.push(`waits for other systems: fleetling hook show ${provisioning}`);
  if (entitlement) {
    const { plan, untilMs, endedMs } = entitlement;
    const end = endedMs ?? untilMs;
    const word = endedMs ? "ended" : "until";
    found.push(`plan: ${plan}, ${end === null ? "open" : `${word} ${timeText(end)}`}`);
  }
  if (consent) {
    const data = Object.entries(consent.data).map(([name, is]) => `${name} ${is ? "yes" : "no"}`);
    const words = [`${consent.terms} by ${consent.person}`, ...data];
    if (consent.endedMs) words.push(`ended ${timeText(consent.endedMs)}`);
    found.push(`terms: ${words.join(", ")}`);
  }
  return found;
}
