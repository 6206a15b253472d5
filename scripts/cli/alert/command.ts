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

interface Deed {
  person: string;
  atMs: number;
  note: string;
}
interface Alert {
  id: string;
  rule: string;
  severity: string;
  state: string;
  text: string;
  count: number;
  startedMs: number;
  endedMs: number | null;
  ack: Deed | null;
  silencedBy: string | null;
}
interface AlertView extends Alert {
  meaning: string;
  members: string[];
  playbook: { id: string; text: string; run: string | null; done: Deed | null }[];
}
interface Silence {
  id: string;
  rule: string | null;
  subject: string | null;
  gateway: string | null;
  site: string | null;
  batch: string | null;
  release: string | null;
  reason: string;
  person: string;
  untilMs: number;
}

const silenceExample = `
Examples:
  $ fleetling alert silence --site attic --for 4h --reason "painters turn the power off"
  $ fleetling alert silence --rule batterySlope --batch B7 --for 7d --reason "cells are on order"
All that is named has to match. An alert whose condition lasts is told when the silence ends.
`;

/** Adds `fleetling alert list | show | ack | tick | silence | silences | unsilence | test`. */
export function register(program: Command): void {
  const alert = program
    .command("alert")
    .description("What is wrong with the fleet, and what to do about it");
  registerReading(alert);
  registerDeeds(alert);
  registerSilences(alert);
  withApiFlags(alert.command("test"))
    .description("Send a test to every configured output")
    .addHelpText("after", "\nExample:\n  $ fleetling alert test && fleetling outbox list\n")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<{ entries: { id: string; output: string }[] }>(
        flags,
        "POST",
        "/v1/alerts/test",
      );
      show(
        flags,
        reply,
        columns(
          ["entry", "output"],
          reply.entries.map((one) => [one.id, one.output]),
        ),
      );
    });
}

function registerReading(alert: Command): void {
  withApiFlags(alert.command("list"))
    .description("Open alerts, oldest first")
    .option("--closed", "those that ended")
    .action(async (flags: ApiFlags & { closed?: boolean }) => {
      const state = flags.closed ? "closed" : "open";
      const found = await callApi<{ alerts: Alert[] }>(
        flags,
        "GET",
        path`/v1/alerts?state=${state}&limit=500`,
      );
      const rows = found.alerts.map((one) => [
        ...[one.id, one.severity, one.rule, timeText(one.startedMs)],
        ...[one.ack ? `by ${one.ack.person}` : one.silencedBy ? "silenced" : null, one.text],
      ]);
      show(flags, found, columns(["alert", "severity", "rule", "since", "care", "what"], rows));
    });
  withApiFlags(alert.command("show"))
    .description("One alert with its playbook")
    .argument("<id>")
    .action(async (id: string, flags: ApiFlags) => {
      const one = await callApi<AlertView>(flags, "GET", path`/v1/alerts/${id}`);
      show(flags, one, linesOf(one));
    });
}

function registerDeeds(alert: Command): void {
  withApiFlags(alert.command("ack"))
    .description("Look after an alert: no reminders until it ends")
    .argument("<id>")
    .option("--note <text>", "what you are going to do", "")
    .action(async (id: string, flags: ApiFlags & { note: string }) => {
      const { note } = flags;
      const one = await callApi<AlertView>(flags, "POST", path`/v1/alerts/${id}/ack`, { note });
      show(flags, one, linesOf(one));
    });
  withApiFlags(alert.command("tick"))
    .description("Tick a step of the playbook off")
    .argument("<id>")
    .argument("<step>", "its word in brackets")
    .option("--undo", "take it back")
    .option("--note <text>", "what was found", "")
    .action(
      async (id: string, step: string, flags: ApiFlags & { undo?: boolean; note: string }) => {
        const body = { isDone: !flags.undo, note: flags.note };
        const place = path`/v1/alerts/${id}/steps/${step}`;
        const one = await callApi<AlertView>(flags, "PUT", place, body);
        show(flags, one, linesOf(one));
      },
    );
}

function registerSilences(alert: Command): void {
  withApiFlags(alert.command("silence"))
    .description("Keep alerts from being told for a time")
    .option("--rule <rule>", "offline, batterySlope …")
    .option("--subject <name>", "a serial, a gateway, a rollout")
    .option("--gateway <id>")
    .option("--site <site>")
    .option("--batch <batch>")
    .option("--release <sequence>")
    .requiredOption("--for <time>", "30m, 4h or 7d")
    .requiredOption("--reason <text>", "why; goes into the log")
    .addHelpText("after", silenceExample)
    .action(async (flags: ApiFlags & Record<string, string | undefined> & { for: string }) => {
      const { rule, subject, gateway, site, batch, release, reason } = flags;
      const named = { rule, subject, gateway, site, batch, release, reason };
      const body = { ...named, forS: secondsOf(flags.for) };
      const made = await callApi<Silence>(flags, "POST", "/v1/silences", body);
      show(flags, made, [`${made.id}  until ${timeText(made.untilMs)}`]);
    });
  withApiFlags(alert.command("silences"))
    .description("Silences in force")
    .action(async (flags: ApiFlags) => {
      const reply = await callApi<{ silences: Silence[] }>(flags, "GET", "/v1/silences");
      const rows = reply.silences.map((one) => {
        const { rule, subject, gateway, site, batch, release } = one;
        const named = Object.entries({ rule, subject, gateway, site, batch, release });
        const match = named.flatMap(([kind, name]) => (name === null ? [] : `${kind} ${name}`));
        return [one.id, match.join(", "), timeText(one.untilMs), one.person, one.reason];
      });
      show(flags, reply, columns(["silence", "match", "until", "by", "reason"], rows));
    });
  withApiFlags(alert.command("unsilence"))
    .description("End a silence")
    .argument("<id>")
    .action(async (id: string, flags: ApiFlags) => {
      await callApi(flags, "DELETE", path`/v1/silences/${id}`);
      show(flags, null, [`silence ${id} ended`]);
    });
}

function linesOf(one: AlertView): string[] {
  const lines = [
    `${one.id}  ${one.severity}  ${one.rule}  ${one.state}`,
    one.text,
    `${one.meaning} Since ${timeText(one.startedMs)}${one.endedMs ? `, until ${timeText(one.endedMs)}` : ""}.`,
  ];
  if (one.ack) lines.push(`${one.ack.person} looks after it. ${one.ack.note}`.trimEnd());
  if (one.silencedBy) lines.push(`silenced by ${one.silencedBy}`);
  for (const { id, text, run, done } of one.playbook) {
    const by = done ? ` (${done.person}${done.note ? `: ${done.note}` : ""})` : "";
    lines.push(`[${done ? "x" : " "}] ${id}: ${text}${by}`);
    if (run) lines.push(`      $ ${run}`);
  }
  return lines;
}
