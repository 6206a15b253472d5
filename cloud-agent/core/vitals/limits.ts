/** Bounds of stored vitals. */

/** Raw rows rolled up in one transaction: about 15 ms, so that check-ins in between do not wait. */
export const rolledRowsMax = 100;
/** Transactions of one turn: 30,000 rows, three times what 10,000 devices send in the minute between two turns. */
export const rollTxMax = 300;
/** Pause between two turns. */
export const rollPauseMs = 60_000;
/** Rows deleted in one transaction, and transactions of one turn: more than comes in, so that deletion keeps up. */
export const deletedRowsMax = 1_000;
export const deleteTxMax = 60;
/** Devices whose old hours and days are deleted in one turn: 10,000 devices in 20 minutes, 100,000 in three hours. */
export const sweptDevicesMax = 500;
/** Devices of which percentiles read spans in one transaction. */
export const devicesPerSpanReadMax = 50;
/** Spans of one percentile question: an hour each for two days, above that a day each. */
export const hourSpansMax = 48;
/** Days of one percentile question. */
export const percentileDaysMax = 366;
/** Groups of one answer; the smallest ones are left out and counted. */
export const groupsMax = 200;
