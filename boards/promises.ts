/** What each way to update promises. A sentence here is a claim that the power-cut sweep plays. */

export const abPromise =
  "An update is written beside the running image and tried. Whatever fails, also the power at any moment, leaves " +
  "the old or the new image complete, and it runs.";

export const abCablePromise =
  "As with two slots, but an update is taken by the core alone, over the line: the running image rests for so long, " +
  "and is what runs again when the update ends early.";

export const singlePromise =
  "An update is taken by the core alone, over the line; no image overwrites itself. From its first byte to its last " +
  "there is no image: a cut at any moment leaves the core, which takes the update again. Never bricked, but there is " +
  "nothing to fall back to.";

export const fixedPromise =
  "Software is replaced only by writing the board again at the cable, as the factory does: no update over the air or " +
  "in the field, and an offer is refused without a write. Identity, claim, settings, journal and wipe bear a cut at " +
  "any moment.";
