/** How long vitals are kept. */

export interface VitalsPolicy {
  /** days that every sample is kept */
  rawDays: number;
  /** days that hours are kept, and days */
  hourDays: number;
  dayDays: number;
  /** raw rows at most, whatever their age; the oldest go first, once they are rolled up */
  rawRowsMax: number;
}
