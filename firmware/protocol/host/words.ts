/** Bounds of what people write beside a decision, for command line and agent alike. */

/** Who decided: a name. */
export const personCharsMax = 80;
/** Why: a sentence or two. */
export const reasonCharsMax = 400;
