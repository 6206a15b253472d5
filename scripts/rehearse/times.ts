export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;
/** When every rehearsal begins: a Monday, 00:00 UTC. */
export const startMs = Date.UTC(2026, 0, 5);
