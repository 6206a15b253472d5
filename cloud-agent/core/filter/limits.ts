/** Bounds of filters. One look at a device costs at most a comparison per test, so 64 tests over 10,000 devices stay far
 *  below what reading their records costs. */

/** Characters of one expression: 500 serials of 23 characters do not fit, on purpose; that is what a tag is for. */
export const whereCharsMax = 4_000;
/** Comparisons of one expression. */
export const testsMax = 64;
/** Values of one `in ( … )`. */
export const valuesMax = 300;
/** Brackets and `not` inside each other. */
export const depthMax = 16;
/** Saved filters of one agent. */
export const filtersMax = 500;
/** Newest vitals that a device's record keeps: the eleven of SPEC.md §4.2 and custom metrics. */
export const latestVitalsMax = 40;
/** Pages that a count reads: 100,000 devices. */
export const countReadsMax = 200;
/** Devices that a preview shows. */
export const sampleMax = 100;
