/** The report as one page: no script, no font, nothing to load. */
import { plantedText } from "./faults.ts";
import { type Report, strandedText } from "./report.ts";

const width = 860;
const height = 260;
const margin = { left: 64, right: 32, top: 12, bottom: 36 };
const inner = {
  width: width - margin.left - margin.right,
  height: height - margin.top - margin.bottom,
};

/** Colours that stay apart for colour-blind eyes (Okabe and Ito). */
const states = [
  { name: "updated", label: "on the new release", colour: "#009e73" },
  { name: "trial", label: "on trial", colour: "#f0e442" },
  { name: "recovery", label: "in recovery", colour: "#d55e00" },
  { name: "old", label: "on the old release", colour: "#c9d3dc" },
] as const;

export function rehearsalPage(report: Report): string {
  const { release, policy, devices, days, seed } = report;
  const title = `Rehearsal of release ${release.sequence} (${release.version})`;
  const halted = report.status === "halted";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(title)}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;color:#1d2733;background:#fff;max-width:900px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem;margin-bottom:.2rem}h2{font-size:1.15rem;margin-top:2rem}
.status{display:inline-block;padding:.1rem .6rem;border-radius:.3rem;color:#fff;background:${halted ? "#b3450a" : "#00704f"}}
table{border-collapse:collapse}td,th{text-align:left;padding:.25rem 1rem .25rem 0;vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;white-space:nowrap}
tr{border-bottom:1px solid #e5eaef}svg{max-width:100%;height:auto}.key span{margin-right:1.2rem}
.key i{display:inline-block;width:.9rem;height:.9rem;margin-right:.35rem;vertical-align:-.1rem;border:1px solid #8793a0}
</style></head><body>
<h1>${escaped(title)}</h1>
<p><span class="status">${escaped(report.status)}</span> policy “${escaped(policy.name)}”, ${devices.toLocaleString("en")} devices, ${days === 1 ? "1 day" : `${days} days`}, seed ${seed}</p>
<p>${escaped(report.reason)}</p>
<table>${rows(report)
    .map(([name, text]) => `<tr><th>${escaped(name)}</th><td>${escaped(text)}</td></tr>`)
    .join("")}</table>
<h2>Devices by what they run</h2>
<p class="key">${states.map(({ label, colour }) => `<span><i style="background:${colour}"></i>${label}</span>`).join("")}</p>
${fleetPlot(report)}
<h2>Kilobytes an hour, both ways</h2>
${bytesPlot(report)}
<h2>What was decided</h2>
<table><tr><th>Hours after start</th><th></th></tr>${report.timeline
    .map(({ hours, text }) => `<tr><td>${hours.toFixed(1)}</td><td>${escaped(text)}</td></tr>`)
    .join("")}</table>
${strandedTable(report)}
</body></html>
`;
}

function rows(report: Report): [string, string][] {
  const { bytes, lostToField, planted, faults } = report;
  return [
    ["Duration", report.hours === null ? "still running" : `${report.hours.toFixed(1)} hours`],
    ["Updated", `${report.updated} of ${report.devices}`],
    ["Halts, reverts, refusals", `${report.halts}, ${report.reverts}, ${report.refusals}`],
    ["Stranded", strandedText(report.stranded)],
    [
      "Lost to the field",
      `${lostToField.vanished} vanished, ${lostToField.emptyCells} with an empty cell, ${lostToField.asleep} never awake`,
    ],
    ["Bytes", `${(bytes.up / 1e6).toFixed(1)} MB up, ${(bytes.down / 1e6).toFixed(1)} MB down`],
    ...report.energy.map(({ board, updateMicroAh, shareOfCell }): [string, string] => [
      `Energy of an update, ${board}`,
      `${updateMicroAh} µAh${shareOfCell === null ? "" : `, ${(shareOfCell * 100).toFixed(3)} % of a cell`}`,
    ]),
    ["Planted", plantedText(planted)],
    [
      "Faults",
      Object.entries(faults)
        .map(([name, value]) => `${name} ${value}`)
        .join(", "),
    ],
    ["Release file", `SHA-256 ${report.release.digest}`],
  ];
}

/** Areas one on the other; the order is that of the legend, from below. */
function fleetPlot({ series, devices }: Report): string {
  const { hours } = series;
  if (hours.length < 2) return "<p>Too short for a plot.</p>";
  const x = scale(hours[0]!, hours.at(-1)!, 0, inner.width);
  const y = scale(0, devices, inner.height, 0);
  let floor = hours.map(() => 0);
  const areas = states.map(({ name, colour }) => {
    const top = hours.map((_, at) => floor[at]! + series[name][at]!);
    const upper = top.map((value, at) => `${x(hours[at]!)},${y(value)}`);
    const lower = floor.map((value, at) => `${x(hours[at]!)},${y(value)}`).reverse();
    floor = top;
    return `<polygon points="${[...upper, ...lower].join(" ")}" fill="${colour}"/>`;
  });
  return figure("devices by what they run", [...areas, ...axes({ x, y, hours, most: devices })]);
}

function bytesPlot({ series }: Report): string {
  const { hours } = series;
  if (hours.length < 2) return "<p>Too short for a plot.</p>";
  const values = series.bytes.map((bytes) => bytes / 1000);
  const most = Math.max(1, ...values);
  const x = scale(hours[0]! - 1, hours.at(-1)!, 0, inner.width);
  const y = scale(0, most, inner.height, 0);
  const wide = Math.max(0.5, inner.width / hours.length - 1);
  const bars = values.map((value, at) => {
    const top = y(value);
    return `<rect x="${x(hours[at]! - 1)}" y="${top}" width="${wide.toFixed(2)}" height="${round(inner.height - top)}" fill="#0072b2"/>`;
  });
  return figure("kilobytes an hour", [...bars, ...axes({ x, y, hours, most })]);
}

interface Axes {
  x: (value: number) => number;
  y: (value: number) => number;
  hours: number[];
  most: number;
}

function axes({ x, y, hours, most }: Axes): string[] {
  const step = niceStep(most / 4);
  const marks: string[] = [];
  for (let value = 0; value <= most + 1e-9; value += step) {
    marks.push(
      `<line x1="0" x2="${inner.width}" y1="${y(value)}" y2="${y(value)}" stroke="#1d2733" stroke-opacity=".15"/>`,
      `<text x="-8" y="${y(value) + 4}" text-anchor="end">${Math.round(value).toLocaleString("en")}</text>`,
    );
  }
  const span = hours.at(-1)! - hours[0]!;
  const every = span > 36 ? 24 : 6;
  for (let hour = 0; hour <= hours.at(-1)!; hour += every) {
    if (hour < hours[0]! - 1) continue;
    const label = every === 24 ? `day ${hour / 24}` : `${hour} h`;
    marks.push(
      `<text x="${x(Math.max(hour, hours[0]!))}" y="${inner.height + 20}" text-anchor="middle">${label}</text>`,
    );
  }
  return marks;
}

function figure(name: string, parts: string[]): string {
  return `<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${name}" font-size="12" font-family="system-ui,sans-serif"><g transform="translate(${margin.left},${margin.top})">${parts.join("")}</g></svg>`;
}

function strandedTable({ stranded }: Report): string {
  if (stranded.length === 0) return "";
  const shown = stranded.slice(0, 100);
  const more = stranded.length - shown.length;
  return `<h2>Stranded devices</h2><table><tr><th>Serial</th><th>Board</th><th>Why</th></tr>${shown
    .map(
      ({ serial, board, why }) =>
        `<tr><td>${escaped(serial)}</td><td>${escaped(board)}</td><td>${why}</td></tr>`,
    )
    .join("")}</table>${more > 0 ? `<p>and ${more} more: see the JSON</p>` : ""}`;
}

function scale(from: number, to: number, low: number, high: number): (value: number) => number {
  const span = to - from || 1;
  return (value) => round(low + ((value - from) / span) * (high - low));
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const times = rough / power;
  return Math.max(1, (times > 5 ? 10 : times > 2 ? 5 : times > 1 ? 2 : 1) * power);
}

const round = (value: number) => Math.round(value * 10) / 10;

const escaped = (text: string) =>
  text.replace(
    /[&<>"]/g,
    (mark) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[mark]!,
  );
