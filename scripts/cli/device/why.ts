import type { Command } from "commander";
import { ApiError, type ApiFlags, callApi, path, show, withApiFlags } from "../api/client.ts";
import { timeText } from "../api/time.ts";

interface Explanation {
  atMs: number;
  next: { offer: number | null; reason: string; code: string };
  sequence: number | null;
  why: { answer: string; facts: { atMs: number | null; text: string }[] } | null;
}

const example = `
Examples:
  $ fleetling device why PUCK-0042
  $ fleetling device why PUCK-0042 --release 7 --at 2026-12-24T18:00:00Z
`;

/** Adds `fleetling device why`. */
export function registerWhy(device: Command): void {
  withApiFlags(device.command("why"))
    .description("What the device would get next, why it did not update; now or at any time before")
    .argument("<serial>")
    .option("--release <sequence>", "release to ask about; left out: the highest meant for it")
    .option("--at <time>", "instant in the past, with its offset; left out: now")
    .addHelpText("after", example)
    .action(async (serial: string, flags: ApiFlags & { release?: string; at?: string }) => {
      const { release, at } = flags;
      const query = [
        release === undefined ? "" : path`sequence=${release}`,
        at === undefined ? "" : `atMs=${instant(at)}`,
      ].filter((part) => part !== "");
      const found = await callApi<Explanation>(
        flags,
        "GET",
        `${path`/v1/devices/${serial}/explain`}?${query.join("&")}`,
      );
      const { next, why } = found;
      const gets = next.offer === null ? "gets nothing" : `gets release ${next.offer}`;
      const lines = [`${whenText(found.atMs)}  ${serial} ${gets} (${next.code}): ${next.reason}`];
      if (why !== null) {
        lines.push(why.answer);
        lines.push(...why.facts.map(({ atMs, text }) => `  ${whenText(atMs)}  ${text}`));
      }
      show(flags, found, lines);
    });
}

function instant(text: string): number {
  const ms = /(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isFinite(ms)) return ms;
  throw new ApiError(
    "FLAG_INVALID",
    `FLAG_INVALID: --at: expected a time like 2026-12-24T18:00:00Z, got "${text}". See --help.`,
  );
}

/** What is true at the instant itself has no time of its own. */
function whenText(ms: number | null): string {
  return timeText(ms) ?? "then".padEnd(20);
}
