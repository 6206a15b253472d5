import { type Board, boards, slotBytesOf } from "../../../boards/index.ts";

/** Heads of the table in README.md and of `fleetling boards`. */
export const tableHead = [
  ...["board", "chip", "plan", "updates", "variables", "native crypto", "link"],
];

const slotsInWords = { ab: "two slots", single: "one slot", fixed: "fixed image" } as const;

/** Slots, in bytes. */
export const planInWords = (board: Board): string =>
  `${slotsInWords[board.plan.kind]} of ${kB(slotBytesOf(board))}`;

const updates: Record<Board["updates"], string> = {
  anywhere: "while the app runs",
  cable: "by the core, on its line",
  never: "never",
};

/** One row of the table, by tableHead. */
export function boardRow(board: Board): string[] {
  const { id, chip } = board;
  return [
    ...[id, chip, planInWords(board), updates[board.updates], variablesInWords(board)],
    ...[cryptoInWords(board), linkInWords(board)],
  ];
}

/** What is true of a board in use, and what is not, each as a predicate: "the device can …". */
export function abilities(board: Board): { can: string[]; cannot: string[] } {
  const { plan, crypto, measure } = board;
  const overAir = board.updates === "cable" && board.radio.kind === "ble";
  const facts: [text: string, holds: boolean][] = [
    ["be updated", board.updates !== "never"],
    ["be updated while its app runs", board.updates === "anywhere"],
    ["be updated over the air", board.updates === "anywhere" || overAir],
    ["fall back to the image before", plan.kind === "ab"],
    ["reach the agent without a gateway", board.link === "mqtt"],
    ["hash natively (else it verifies in slices, slowly)", crypto.sha256],
    ["encrypt by AES (else by an HMAC key stream)", crypto.aes],
    ["end an image that hangs, by watchdog", board.watchdog],
    ["be started into its core by a button", board.button !== undefined],
    ["measure its supply", measure.batteryMv !== undefined],
    ["measure its temperature", measure.temperatureDeciC !== undefined],
    ["measure its signal", measure.rssiDbm !== undefined],
    ["tell why it was reset", measure.resetReason !== undefined],
  ];
  const those = (wanted: boolean) =>
    facts.filter(([, holds]) => holds === wanted).map(([text]) => text);
  return { can: those(true), cannot: those(false) };
}

/** Ids close to a mistyped one, closest first: at most three, each three edits away at most or with the same
 *  beginning, and at most one edit further than the closest. */
export function closeTo(wanted: string, ids = Object.keys(boards)): string[] {
  const typed = wanted.toLowerCase().replace(/[^a-z0-9]/g, "");
  const rated = ids.map((id) => {
    const isPart = typed.length > 2 && (id.startsWith(typed) || typed.startsWith(id));
    const far = edits(typed, id);
    return { id, far: isPart && far ? 0.5 : far };
  });
  const near = rated.filter(({ far, id }) => far <= Math.min(3, id.length - 2));
  const best = Math.min(...near.map(({ far }) => far));
  return near
    .filter(({ far }) => far <= best + 1)
    .sort((a, b) => a.far - b.far)
    .slice(0, 3)
    .map(({ id }) => id);
}

/** Letters to put in, take out or change until a is b. */
function edits(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}

const kB = (bytes: number) => `${Math.round((10 * bytes) / 1024) / 10} kB`;

const variablesInWords = ({ variables }: Board) =>
  variables === "runtime" ? "read at run time" : String(variables);

function cryptoInWords({ crypto }: Board): string {
  const names = [crypto.sha256 && "SHA-256", crypto.aes && "AES"].filter(Boolean);
  return names.join(", ") || "none";
}

function linkInWords({ link, radio }: Board): string {
  if (link === "mqtt") return radio.kind === "wifi" ? "MQTT over Wi-Fi" : "MQTT";
  return radio.kind === "ble" ? "BLE to a gateway" : "line to a gateway";
}
