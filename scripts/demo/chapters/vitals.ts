import { kinds } from "../fleet.ts";
import type { Chapter } from "../stage.ts";

type Sample = Record<string, number[]>;

const resetReasons = [
  "unknown",
  "power-on",
  "pin",
  "watchdog",
  "software",
  "crash",
  "brown-out",
  "update",
];

/** The fleet tells how it is. */
export const vitals: Chapter = {
  title: "Vitals",
  async play({ view, watch, api, boards, signal }) {
    view.busy("vitals arrive with every check-in");
    const newest = new Map<string, Sample>();
    await watch.waitFor("a reading of every device's app", () => {
      const missing = boards.devices.filter(({ made }) => !newest.has(made.serial));
      for (const { made } of missing) {
        void api
          .call("GET", `/v1/devices/${made.serial}/vitals?limit=5`)
          .then(({ body }) => {
            const found = body?.vitals?.findLast(
              (one: { values: Sample }) => one.values["m.light"],
            );
            if (found) newest.set(made.serial, found.values);
          })
          // Asked again at the next look; the wait itself ends with the API's last error.
          .catch(() => undefined);
      }
      return missing.length === 0;
    });
    signal.throwIfAborted();
    const head = ["", "battery", "memory", "free", "signal", "temp.", "last start", "light"];
    const rows = kinds.map(({ board }) => {
      const { serial } = boards.devices.find(({ made }) => made.board === board)!.made;
      const reason = watch.snapshot.devices.get(serial)?.resetReason ?? 0;
      return row(serial, newest.get(serial)!, resetReasons[reason] ?? "unknown");
    });
    const all = [...newest.values()];
    const middle = row("fleet median", fold(all, median), "");
    const least = row(
      "fleet least",
      fold(all, (list) => Math.min(...list)),
      "",
    );
    view.table([head, ...rows, middle, least]);
    view.good(`Vitals of ${newest.size} devices, with the metric "light" that the app declares.`);
  },
};

function row(name: string, sample: Sample, reset: string): string[] {
  const last = (key: string) => sample[key]?.at(-1);
  const show = (key: string, unit: string, divide = 1) => {
    const value = last(key);
    return value === undefined ? "–" : `${Math.round((10 * value) / divide) / 10}${unit}`;
  };
  return [
    name,
    show("batteryMv", " mV"),
    show("memoryUsedPermille", " %", 10),
    show("storageFreeBytes", " B"),
    show("rssiDbm", " dBm"),
    show("temperatureDeciC", " °C", 10),
    reset || "–",
    show("m.light", ""),
  ];
}

/** One figure per vital over all devices that measure it. */
function fold(samples: Sample[], figure: (values: number[]) => number): Sample {
  const keys = new Set(samples.flatMap((sample) => Object.keys(sample)));
  const folded: Sample = {};
  for (const key of keys) {
    const values = samples.flatMap((sample) => sample[key]?.at(-1) ?? []);
    folded[key] = [figure(values)];
  }
  return folded;
}

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)]!;
}
