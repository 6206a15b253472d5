import { matches } from "./facts.ts";
import { holdBackBoardDevicesMin } from "./limits.ts";
import type { WaveSize } from "./policyTypes.ts";
import type { DeviceFacts, RolloutPolicy, RolloutRecord } from "./types.ts";

export interface Assignment {
  assigned: Record<string, number>;
  holdBack: string[];
}

interface Ranked {
  device: DeviceFacts;
  /** stable, 0..1 */
  place: number;
  isSilent: boolean;
  /** order among the devices of its board, from 0 */
  boardRank: number;
}

/** Stable place of a device in 0..1: FNV-1a over salt and serial, then a murmur3 finaliser because FNV alone leaves
 *  serials that differ in the last digit close together. Neither rollout nor release goes in: whoever is early stays
 *  early. */
export function stablePlace(serial: string, salt = "fleetling"): number {
  let hash = 0x811c9dc5;
  const text = `${salt}\n${serial}`;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x1_0000_0000;
}

/** Tells whether a device counts as silent. */
export function isSilent(policy: RolloutPolicy, device: DeviceFacts, nowMs: number): boolean {
  return device.lastSeenMs === null || nowMs - device.lastSeenMs > policy.silentMs;
}

/** Divides the targeted devices into waves. Pure; O(n log n).
 *  All waves are prefixes of one order: "per board" picks, then reachable devices by stable hash, then silent ones.
 *  So a larger percentage only adds devices, and devices that cannot answer are not wasted as canaries.
 *  @param devices targeted devices that the release has something for
 *  @returns wave per serial, and the hold-back group, which carries the last wave */
export function assignWaves(
  policy: RolloutPolicy,
  devices: DeviceFacts[],
  nowMs: number,
): Assignment {
  // The canary has one device of every board kind, however its size is given.
  const leastPerBoard = policy.waves.length > 1 ? 1 : 0;
  const picksPerBoard = Math.max(
    leastPerBoard,
    ...policy.waves.map((wave) => perBoardOf(wave.size)),
  );
  const ranked = rank(policy, devices, nowMs);
  const picks = ranked.filter((entry) => entry.boardRank < picksPerBoard);
  picks.sort((left, right) => left.boardRank - right.boardRank);
  const rest = ranked.filter((entry) => entry.boardRank >= picksPerBoard);
  const held = holdBackOf(policy, ranked, picksPerBoard, nowMs);
  const order = [...picks, ...rest.filter((entry) => !held.has(entry.device.serial))];
  const last = policy.waves.length - 1;
  const assigned: Record<string, number> = {};
  policy.waves.slice(0, last).forEach((wave, index) => {
    const perBoard = Math.max(index === 0 ? leastPerBoard : 0, perBoardOf(wave.size));
    const count = prefixOf(wave.size, devices.length);
    const { size } = wave;
    if ("filter" in size) {
      for (const { device } of ranked) {
        if (matches(size.filter, device, nowMs)) assigned[device.serial] ??= index;
      }
    }
    for (let at = 0; at < order.length; at++) {
      const entry = order[at]!;
      if (at >= count && entry.boardRank >= perBoard) {
        if (at >= picks.length) break;
        continue;
      }
      assigned[entry.device.serial] ??= index;
    }
  });
  for (const entry of ranked) assigned[entry.device.serial] ??= last;
  return { assigned, holdBack: [...held].sort() };
}

/** Wave for a device that came into the target after the start: where its hash would have put it, but never a wave that
 *  is already open, or newcomers would pass by the gates. The last wave takes everybody. Pure.
 *  @param isNewBoard true for the first device of a board kind: it joins the canary while that wave is open */
export function waveForNewcomer(
  record: RolloutRecord,
  device: DeviceFacts,
  isNewBoard: boolean,
  nowMs: number,
): number {
  if (isNewBoard && record.wave === 0) return 0;
  const { waves, salt } = record.policy;
  const last = waves.length - 1;
  const percent = stablePlace(device.serial, salt) * 100;
  const own = waves.findIndex(({ size }) =>
    "filter" in size
      ? matches(size.filter, device, nowMs)
      : "percent" in size && percent < size.percent,
  );
  return Math.min(last, Math.max(record.wave + 1, own < 0 ? last : own));
}

function rank(policy: RolloutPolicy, devices: DeviceFacts[], nowMs: number): Ranked[] {
  // A canary wave by filter holds every board kind too: of a board, its own devices are picked first.
  const first = policy.waves[0]!.size;
  const isFirst = (device: DeviceFacts) =>
    "filter" in first && matches(first.filter, device, nowMs);
  const ranked = devices.map((device) => ({
    device,
    place: stablePlace(device.serial, policy.salt),
    isSilent: isSilent(policy, device, nowMs),
    isFirst: isFirst(device),
    boardRank: 0,
  }));
  ranked.sort(
    (left, right) =>
      Number(right.isFirst) - Number(left.isFirst) ||
      Number(left.isSilent) - Number(right.isSilent) ||
      left.place - right.place ||
      (left.device.serial < right.device.serial ? -1 : 1),
  );
  const counts = new Map<string, number>();
  for (const entry of ranked) {
    entry.boardRank = counts.get(entry.device.board) ?? 0;
    counts.set(entry.device.board, entry.boardRank + 1);
  }
  return ranked;
}

/** Takes the share from the far end of each board's reachable devices: they have vitals to compare with, and growing
 *  waves meet them last. */
function holdBackOf(
  policy: RolloutPolicy,
  ranked: Ranked[],
  picksPerBoard: number,
  nowMs: number,
): Set<string> {
  const held = new Set<string>();
  const filters = policy.waves.flatMap(({ size }) => ("filter" in size ? [size.filter] : []));
  const isNamed = ({ device }: Ranked) => filters.some((filter) => matches(filter, device, nowMs));
  if (policy.holdBackShare === 0 || policy.waves.length < 2) return held;
  const byBoard = new Map<string, Ranked[]>();
  for (const entry of ranked) {
    const list = byBoard.get(entry.device.board);
    if (list === undefined) byBoard.set(entry.device.board, [entry]);
    else list.push(entry);
  }
  for (const list of byBoard.values()) {
    const least = list.length >= holdBackBoardDevicesMin ? 1 : 0;
    const wanted = Math.max(least, Math.round(policy.holdBackShare * list.length));
    // At least one device per board stays for the waves, or the board would have no early evidence at all.
    const free = list.slice(Math.max(1, picksPerBoard)).reverse();
    const awake = free.filter((entry) => !entry.isSilent && !isNamed(entry));
    const asleep = free.filter((entry) => entry.isSilent && !isNamed(entry));
    for (const entry of [...awake, ...asleep].slice(0, wanted)) held.add(entry.device.serial);
  }
  return held;
}

function perBoardOf(size: WaveSize): number {
  return "perBoard" in size ? size.perBoard : 0;
}

function prefixOf(size: WaveSize, total: number): number {
  if ("count" in size) return size.count;
  // Rounded up, so that no percentage above zero is an empty wave; the small term undoes binary fractions (7 % of 100).
  return "percent" in size ? Math.ceil((size.percent * total) / 100 - 1e-9) : 0;
}
