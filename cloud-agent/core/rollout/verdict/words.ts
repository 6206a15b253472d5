import type { RolloutRecord } from "../types.ts";
import type { Comparison, MetricName, VerdictFigures, Waiting } from "./types.ts";

/** Everything a look found, as one clause for people: first what is worse, then the battery, then what is fine.
 *  @returns null when nothing could be measured */
export function judgedWords(record: RolloutRecord, figures: VerdictFigures): string | null {
  const metrics = [...new Set(figures.comparisons.map((one) => one.metric))];
  const told: string[] = [];
  const fine: string[] = [];
  for (const metric of metrics) {
    const own = figures.comparisons.filter((one) => one.metric === metric);
    const against = own.filter((one) => one.result !== "fine");
    if (against.length > 0) told.unshift(againstWords(record, own, against));
    else if (metric === "battery") told.push(clause(record, overall(own)));
    else fine.push(nouns[metric] ?? metricNoun(metric));
  }
  if (fine.length > 0)
    told.push(`${listed(fine)} within ${fine.length === 1 ? "its limit" : "their limits"}`);
  return told.length === 0 ? null : told.join("; ");
}

/** "too few samples to compare the battery of puckjs, esp32"; null when nothing is waited for */
export function waitingWords(waiting: Waiting[]): string | null {
  const metrics = [...new Set(waiting.map((one) => one.metric))];
  if (metrics.length === 0) return null;
  const clauses = metrics.map((metric) => {
    const boards = waiting.filter((one) => one.metric === metric).map((one) => one.board);
    return `the ${nouns[metric] ?? metricNoun(metric)} of ${boards.join(", ")}`;
  });
  return `too few samples to compare ${clauses.join(" and ")}`;
}

const nouns: Record<MetricName, string> = {
  battery: "battery",
  memory: "memory",
  checkIns: "check-ins",
  crashes: "crashes",
  silence: "silence",
};

function metricNoun(metric: MetricName): string {
  return `metric "${metric.slice(2)}"`;
}

function overall(own: Comparison[]): Comparison {
  return own.find((one) => one.board === null) ?? own[0]!;
}

/** The boards that are worse, where others are not; else the whole fleet's figure, with those of its boards. */
function againstWords(record: RolloutRecord, own: Comparison[], against: Comparison[]): string {
  const all = against.find((one) => one.board === null);
  const boards = against.filter((one) => one.board !== null);
  const isPart =
    boards.length > 0 && boards.length < own.filter((one) => one.board !== null).length;
  if (all === undefined || isPart) {
    return boards.map((one) => `${clause(record, one)} (${proof(one)})`).join("; ");
  }
  const figures = boards.map((one) => `${one.board} ${figure(one, one.freshValue)}`);
  const only = figures.length > 0 && own.length > 1 ? `${figures.join(", ")}; ` : "";
  return `${clause(record, all)} (${only}${proof(all)})`;
}

/** "limit 1.5, by chance 1 in 43,000" */
function proof({ limit, p, result, metric }: Comparison): string {
  const odds =
    p < 1e-9 ? "less than 1 in a billion" : `1 in ${Math.round(1 / p).toLocaleString("en-US")}`;
  const state =
    result === "suspect" ? ", not proved" : result === "acknowledged" ? ", accepted" : "";
  return `limit ${limitWords(metric, limit)}, by chance ${odds}${state}`;
}

function clause(record: RolloutRecord, one: Comparison): string {
  const who = freshWords(record, one);
  const versus = baseWords(one);
  const fresh = figure(one, one.freshValue);
  const base = figure(one, one.baseValue);
  switch (one.metric) {
    case "battery":
      // Where noise drowns the drain, the ratio of two figures would be one of noise.
      return `battery slope of ${who} is ${times(one.effect)} times that ${one.baseline === "ownPast" ? versus : `of ${versus}`}`;
    case "memory":
      return `memory in use by ${who} grows by ${fresh} a day, by ${base} ${one.baseline === "ownPast" ? versus : `for ${versus}`}`;
    case "crashes":
      return `${who} crash ${fresh} times a day, ${versus} ${base} times`;
    case "checkIns":
      return `${fresh} of the check-ins of ${who} fail, ${base} ${one.baseline === "ownPast" ? versus : `of those of ${versus}`}`;
    case "silence":
      return `${fresh} of ${who} fell silent, ${base} of ${versus}`;
    default:
      return `${metricNoun(one.metric)} of ${who} is ${fresh}, ${base} ${one.baseline === "ownPast" ? versus : `for ${versus}`}`;
  }
}

/** "the 2 confirmed canaries", "the 12 confirmed puckjs devices" */
function freshWords(record: RolloutRecord, { fresh, board }: Comparison): string {
  const one = record.wave === 0 ? "canary" : "device";
  const many = record.wave === 0 ? "canaries" : "devices";
  const kind = board === null || isOnlyBoard(record, board) ? "" : `${board} `;
  return `the ${fresh} confirmed ${kind}${fresh === 1 ? one : many}`;
}

function isOnlyBoard(record: RolloutRecord, board: string): boolean {
  const { boards } = record.policy.target;
  return boards?.length === 1 && boards[0] === board;
}

function baseWords({ base, baseline }: Comparison): string {
  if (baseline === "ownPast") return "before the update";
  return baseline === "heldBack" ? `the ${base} held back` : `${base} on the old release`;
}

function figure(one: Comparison, value: number): string {
  switch (one.metric) {
    case "battery":
      return `${times(value)} times`;
    case "memory":
      return `${tidy(value)} ‰`;
    case "checkIns":
    case "silence":
      return `${tidy(100 * value)} %`;
    default:
      return tidy(value);
  }
}

function limitWords(metric: MetricName, limit: number): string {
  if (metric === "memory") return `${tidy(limit)} ‰ more`;
  if (metric === "checkIns" || metric === "silence") return `${tidy(100 * limit)} points more`;
  return metric === "battery"
    ? tidy(limit)
    : `${tidy(limit)} ${metric === "crashes" ? "more" : "apart"}`;
}

function times(ratio: number): string {
  return ratio > 99 ? "more than 99" : ratio.toFixed(1);
}

/** Two digits that count, no exponent. */
function tidy(value: number): string {
  const size = Math.abs(value);
  if (size >= 10 || size === 0) return value.toFixed(0);
  return size >= 1 ? value.toFixed(1) : value.toFixed(2);
}

function listed(names: string[]): string {
  if (names.length < 2) return names.join("");
  return `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
