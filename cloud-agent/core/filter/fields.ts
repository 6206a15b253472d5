/** What a filter can ask of a device. Labels are what factory and people say of it; reports are what it told itself, and
 *  change by themselves. */
import { Lifecycle, SlotState } from "../../../firmware/protocol/messages.ts";
import { lifecycleNames } from "../lifecycleNames.ts";
import type { DeviceColumns, Subject, Value } from "./types.ts";

/** text: words. number. span: milliseconds, written with a unit (3d). yesNo. any: whatever the values are */
export type FieldType = "text" | "number" | "span" | "yesNo" | "any";

export interface Field {
  type: FieldType;
  /** true for what the device tells: it may change at any check-in */
  isReported: boolean;
  /** the only words it can have; omitted: any */
  words?: readonly string[];
  /** column that holds the very value */
  column?: keyof DeviceColumns;
  /** value in the record → value in the column; omitted: the same */
  toColumn?(value: Value): string | number;
  help: string;
  /** @returns all values it has; none when nothing is known */
  read(device: Subject, nowMs: number): readonly Value[];
}

const slotNames: Record<number, string> = {
  [SlotState.Confirmed]: "confirmed",
  [SlotState.Trial]: "trial",
  [SlotState.Recovery]: "recovery",
};
const states = Object.values(lifecycleNames);

const one = (value: Value | null | undefined): Value[] =>
  value === null || value === undefined || value === "" ? [] : [value];

function label(column: keyof DeviceColumns | undefined, help: string, read: Field["read"]): Field {
  return { type: "text", isReported: false, column, help, read };
}
function report(type: FieldType, help: string, read: Field["read"]): Field {
  return { type, isReported: true, help, read };
}
const vital = (name: string, help: string) =>
  report("number", help, ({ latestVitals }) => one(latestVitals?.[name]));
const vitalSpan = (name: string, help: string) =>
  report("span", help, ({ latestVitals }) => {
    return one(latestVitals?.[name] === undefined ? null : latestVitals[name] * 1000);
  });

/** Every field by its name, in the order of the help text. */
export const fields: Record<string, Field> = {
  serial: label(undefined, "serial number", ({ serial }) => one(serial)),
  model: label("model", "product model", ({ birth }) => one(birth?.model)),
  board: label("board", "board kind", ({ birth }) => one(birth?.board)),
  batch: label("batch", "batch of its birth", ({ birth }) => one(birth?.batch)),
  station: label(undefined, "station of its birth", ({ birth }) => one(birth?.station)),
  hardwareRev: {
    ...label(undefined, "hardware revision", ({ birth }) => one(birth?.hardwareRev)),
    type: "number",
  },
  group: label("group_name", "group it was put into", ({ group }) => one(group)),
  site: label("site", "site where it stands", ({ site }) => one(site)),
  tag: label(undefined, "one of its tags", ({ tags }) => tags ?? []),
  account: label("account", "account that owns it", ({ account }) => one(account)),
  state: {
    ...report("text", "state of its life", ({ lifecycle }) =>
      one(lifecycle === undefined ? null : (lifecycleNames[lifecycle] ?? "unknown")),
    ),
    words: states,
    column: "lifecycle",
    toColumn: (value) =>
      Number(Object.entries(lifecycleNames).find(([, name]) => name === value)?.[0]),
  },
  presence: {
    ...report("text", "whether it keeps its promise to come again", presenceOf),
    words: ["online", "offline", "unwatched"],
    column: "presence",
    toColumn: (value) => (value === "unwatched" ? "" : String(value)),
  },
  release: {
    ...report("number", "release it runs (sequence)", ({ runningSequence }) =>
      one(runningSequence),
    ),
    column: "running_sequence",
  },
  floor: report("number", "least release that it may run", ({ floor }) => one(floor)),
  slot: {
    ...report("text", "what its release is", ({ slotState }) =>
      one(slotState === undefined ? null : slotNames[slotState]),
    ),
    words: Object.values(slotNames),
  },
  keySet: report("number", "key set in force", ({ keySetVersion }) => one(keySetVersion)),
  interpreter: report("text", "interpreter version", ({ interpreter }) => one(interpreter)),
  gateway: report("text", "gateway of its last contact", ({ route }) =>
    one(route?.startsWith("gw/") ? route.slice(3) : null),
  ),
  lastSeen: report("span", "time since its last contact", ({ lastSeenMs }, nowMs) =>
    one(lastSeenMs == null ? null : Math.max(0, nowMs - lastSeenMs)),
  ),
  maintenance: report("yesNo", "whether somebody works on it", ({ lifecycle }) =>
    one(lifecycle === Lifecycle.Maintenance),
  ),
  sunset: report("yesNo", "whether it went on alone by order", ({ isSunset }) =>
    one(isSunset ?? false),
  ),
  settingsReported: report("yesNo", "whether it has what its owner wished", hasReported),
  settingsRefused: report("yesNo", "whether it refused a setting", ({ settingsRefused }) =>
    one(Object.keys(settingsRefused ?? {}).length > 0),
  ),
  batteryMv: vital("batteryMv", "newest battery voltage, mV"),
  chargeMicroAh: vital("chargeMicroAh", "newest charge drawn, µAh"),
  memoryUsedPermille: vital("memoryUsedPermille", "memory in use, permille"),
  memoryFreePermille: report("number", "memory free, permille", ({ latestVitals }) => {
    const used = latestVitals?.memoryUsedPermille;
    return one(used === undefined ? null : 1000 - used);
  }),
  storageFreeBytes: vital("storageFreeBytes", "storage free, bytes"),
  rssiDbm: vital("rssiDbm", "newest signal, dBm"),
  temperatureDeciC: vital("temperatureDeciC", "newest temperature, tenths of a degree"),
  crashFree: vitalSpan("crashFreeS", "time without a crash, as last told"),
  uptime: vitalSpan("uptimeS", "time since its start, as last told"),
};

/** Other words that people say for a field. */
export const aliases: Record<string, string> = {
  ...{ product: "model", sequence: "release", owner: "account", tags: "tag" },
  ...{ battery: "batteryMv", memoryFree: "memoryFreePermille", freeMemory: "memoryFreePermille" },
};

/** Names that carry the name of a setting or metric of the app behind a dot. */
const families: Record<string, (name: string) => Field> = {
  setting: (name) =>
    report("any", "", (device) => {
      const { wantedSettings, settingsRefused } = device;
      if (hasReported(device)[0] !== true || settingsRefused?.[name] !== undefined) return [];
      return one(wantedSettings?.values[name]);
    }),
  metric: (name) => report("number", "", ({ latestVitals }) => one(latestVitals?.[`m.${name}`])),
};
export const familyHelp = {
  "setting.NAME": "a wished setting that the device has reported and not refused",
  "metric.NAME": "newest value of a custom metric",
};

/** @returns the field of a name or alias, null when there is none */
export function fieldOf(name: string): { name: string; field: Field } | null {
  const known = Object.hasOwn(aliases, name) ? aliases[name]! : name;
  if (Object.hasOwn(fields, known)) return { name: known, field: fields[known]! };
  const dot = name.indexOf(".");
  const family = name.slice(0, dot);
  if (dot < 1 || dot === name.length - 1 || !Object.hasOwn(families, family)) return null;
  return { name, field: families[family]!(name.slice(dot + 1)) };
}

/** Words that a misspelt field may have meant. */
export const fieldNames = [
  ...Object.keys(fields),
  ...Object.keys(aliases),
  ...Object.keys(families).map((name) => `${name}.`),
];

function hasReported({ wantedSettings, settingsRevision }: Subject): Value[] {
  return one(!wantedSettings || (settingsRevision ?? 0) >= wantedSettings.revision);
}

/** As the table's column has it: one that is late still counts as online. */
function presenceOf({ lifecycle, presence }: Subject): Value[] {
  const isWatched = lifecycle === Lifecycle.Operating || lifecycle === Lifecycle.Maintenance;
  return [!isWatched ? "unwatched" : presence?.isOffline ? "offline" : "online"];
}
