/** What the simulated fleet is like. None of these figures is fitted to the test; each says where it comes from. Rates are
 *  per day, voltages millivolt, currents microampere. */

/** Share of the fleet, supply and radio of a board kind. */
export interface BoardModel {
  board: "puckjs" | "esp32" | "linux";
  share: number;
  battery: BatteryModel | null;
}

export interface BatteryModel {
  capacityMicroAh: number;
  meanMicroA: number;
  /** voltage over the share of charge that is left, falling */
  curve: readonly (readonly [left: number, mv: number])[];
  /** standard deviation of one reading */
  noiseMv: number;
  mvPerKelvin: number;
  /** chance per day that the cell is changed or charged */
  changed: number;
}

export const boards: readonly BoardModel[] = [
  {
    board: "puckjs",
    share: 0.5,
    battery: {
      // CR2032: 220 mAh and the flat curve of its data sheets (Energizer, Panasonic: 2.9 V to 2.8 V over the middle).
      capacityMicroAh: 220_000,
      // A sensor that advertises and reports hourly; three months on a cell.
      meanMicroA: 100,
      curve: [
        [1, 3050],
        [0.97, 2960],
        [0.8, 2920],
        [0.5, 2870],
        [0.2, 2800],
        [0.1, 2650],
        [0, 2000],
      ],
      // nRF52 SAADC, 10 bits over 3.6 V: a step is 3.5 mV, its data sheet allows some steps of error.
      noiseMv: 5,
      // Inner resistance of lithium coin cells rises in the cold; order of a millivolt per kelvin under small load.
      mvPerKelvin: 1,
      changed: 1 / 180,
    },
  },
  {
    board: "esp32",
    share: 0.3,
    battery: {
      // One 18650 cell; usual Li-ion curve, 3.95 V at 80 % to 3.6 V at 20 %.
      capacityMicroAh: 2_600_000,
      meanMicroA: 3000,
      curve: [
        [1, 4150],
        [0.8, 3950],
        [0.6, 3800],
        [0.4, 3700],
        [0.2, 3600],
        [0.1, 3450],
        [0, 3000],
      ],
      // The ESP32's converter is known for tens of millivolts of noise without averaging.
      noiseMv: 20,
      mvPerKelvin: 0.5,
      changed: 1 / 45,
    },
  },
  { board: "linux", share: 0.2, battery: null },
];

/** Assumptions about life in the field; the order of magnitude is what counts. */
export const field = {
  sites: 20,
  /** spread (of the logarithm) of drain between devices of a board: use and place differ */
  drainSpread: 0.25,
  /** daily swing of temperature, kelvin: indoors to outdoors */
  swingK: [1, 8],
  /** weather: standard deviation of a site's mean temperature from day to day */
  weatherK: 2,
  /** memory in use, permille: level, its spread over devices, reading noise, trend over devices per day */
  memory: { level: 500, spread: 100, noise: 12, trend: 1.5 },
  /** crashes of a good release: most devices hardly ever, some often */
  crashes: { usual: 0.01, flaky: 0.5, flakyShare: 0.05 },
  powerCycles: 0.02,
  /** share of check-ins lost on the air, and of the places with bad reception */
  loss: { usual: 0.02, poor: [0.15, 0.4], poorShare: 0.1 },
  /** outages of a whole site: how often, and hours (logarithmic mean and spread) */
  outage: { perDay: 0.1, hours: 2, spread: 0.8 },
  /** devices that vanish for good: stolen, thrown away, dead */
  vanish: 0.002,
  /** devices that sleep for many hours by design, and those that are away when the rollout begins */
  sleepers: 0.05,
  sleepHours: [6, 24],
  dormant: 0.03,
  checkInMs: 3_600_000,
  /** jitter of a pause, as a share */
  jitter: 0.02,
  /** chance that an installation ends in a revert without the release being to blame */
  unlucky: 0.002,
};

/** What is wrong with the new release. */
export interface Defect {
  drainFactor?: number;
  /** permille per hour */
  leakPerHour?: number;
  crashesPerDay?: number;
  /** board whose devices lose the network, and mean hours until they do */
  lostBoard?: BoardModel["board"];
  lostAfterHours?: number;
  /** share of the board's devices that it happens to, default all */
  lostShare?: number;
  /** more check-ins lost on the air, share */
  lossMore?: number;
}

export const harmless: Defect = {};

/** The planted defects with a bar. */
export const planted: Record<string, Defect> = {
  "drain x2": { drainFactor: 2 },
  "memory leak, 2 permille an hour": { leakPerHour: 2 },
  "one crash a day": { crashesPerDay: 1 },
  "network lost on puckjs": { lostBoard: "puckjs", lostAfterHours: 12 },
};

/** Smaller ones, to show where sight ends; no bar. */
export const sensitivity: Record<string, Defect> = {
  "drain x1.3": { drainFactor: 1.3 },
  "drain x1.5": { drainFactor: 1.5 },
  "drain x1.7": { drainFactor: 1.7 },
  "memory leak, 0.7 permille an hour": { leakPerHour: 0.7 },
  "one crash in three days": { crashesPerDay: 1 / 3 },
  "network lost on linux": { lostBoard: "linux", lostAfterHours: 12 },
  "network lost on a third of puckjs": {
    lostBoard: "puckjs",
    lostAfterHours: 12,
    lostShare: 1 / 3,
  },
  "15 of 100 more check-ins lost": { lossMore: 0.15 },
};

/** Voltage of a cell with this share of its charge left. */
export function voltageOn(
  curve: readonly (readonly [left: number, mv: number])[],
  left: number,
): number {
  for (let at = 1; at < curve.length; at++) {
    const [upper, upperMv] = curve[at - 1]!;
    const [lower, lowerMv] = curve[at]!;
    if (left >= lower) return lowerMv + ((upperMv - lowerMv) * (left - lower)) / (upper - lower);
  }
  return curve[curve.length - 1]![1];
}
