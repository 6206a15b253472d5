/** Time of day where a device is. Pure: a zone and an instant in, minutes out; the table of zones is Node's own. */

/** Minutes and days of a place. */
export interface LocalTime {
  /** 0 Monday to 6 Sunday */
  day: number;
  /** since midnight */
  minute: number;
}

const minuteMs = 60_000;
/** Offsets change on quarter hours in every zone that is in use. */
const blockMs = 15 * minuteMs;
const fixed = /^([+-])(\d\d):(\d\d)$/;
/** Zone → its formatter and the newest offset that was asked for: a step asks for one instant and many devices. */
const known = new Map<string, { format: Intl.DateTimeFormat; block: number; offsetMs: number }>();
const knownMax = 1000;

/** Tells whether a text names a time zone: an IANA name, or an offset like "+02:00". */
export function isZone(zone: string): boolean {
  const offset = fixed.exec(zone);
  if (offset) return Number(offset[2]) <= 14 && Number(offset[3]) < 60;
  try {
    return formatOf(zone) !== null;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Local time of an instant. @throws RangeError for what is no zone */
export function localTime(zone: string, atMs: number): LocalTime {
  const minutes = Math.floor((atMs + offsetMsOf(zone, atMs)) / minuteMs);
  const days = Math.floor(minutes / 1440);
  // 1970-01-01 was a Thursday.
  return { day: (((days + 3) % 7) + 7) % 7, minute: minutes - days * 1440 };
}

/** Days since 1970 of an instant where a place is. @throws RangeError for what is no zone */
export function localDay(zone: string, atMs: number): number {
  return Math.floor((atMs + offsetMsOf(zone, atMs)) / (1440 * minuteMs));
}

function offsetMsOf(zone: string, atMs: number): number {
  const offset = fixed.exec(zone);
  if (offset) {
    const minutes = Number(offset[2]) * 60 + Number(offset[3]);
    return (offset[1] === "-" ? -minutes : minutes) * minuteMs;
  }
  const block = Math.floor(atMs / blockMs);
  let entry = known.get(zone);
  if (entry?.block === block) return entry.offsetMs;
  const format = entry?.format ?? formatOf(zone);
  const at = block * blockMs;
  const parts: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(at)) parts[type] = Number(value);
  const { year, month, day, hour, minute } = parts as Record<string, number>;
  const offsetMs = Date.UTC(year!, month! - 1, day!, hour!, minute!) - at;
  if (known.size >= knownMax) known.clear();
  entry = { format, block, offsetMs };
  known.set(zone, entry);
  return offsetMs;
}

function formatOf(zone: string): Intl.DateTimeFormat {
  const number = "2-digit";
  return new Intl.DateTimeFormat("en-US", {
    ...{ timeZone: zone, hourCycle: "h23", year: "numeric" },
    ...{ month: number, day: number, hour: number, minute: number },
  });
}
