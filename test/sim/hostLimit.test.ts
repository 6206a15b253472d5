/** What stops device code that does not return, alone and in a loop of steps under one watch. */
import { expect, it } from "vitest";
import { loopWithLimit, RanTooLong, withLimit } from "../../scripts/sim/hostLimit.ts";

const endless = () => {
  for (;;);
};
const never = () => {
  throw new Error("nobody was to be stopped");
};

it("code that does not return is stopped and told of once; what it throws or returns in time passes", () => {
  const stopped: RanTooLong[] = [];
  withLimit(20, endless, (error) => stopped.push(error));
  expect(stopped.map(({ code }) => code)).toEqual(["RAN_TOO_LONG"]);
  const fails = () => {
    throw new TypeError("mine");
  };
  for (const limitMs of [0, 1000]) {
    expect(() => withLimit(limitMs, fails, never)).toThrow(TypeError);
    withLimit(limitMs, () => undefined, never);
  }
});

it("in a loop only the step that hangs is stopped, and its own owner is told", () => {
  const told: string[] = [];
  let step = 0;
  loopWithLimit(20, () => {
    const name = `step ${step++}`;
    const work = step === 3 ? endless : () => told.push(`${name} ran`);
    withLimit(1000, work, () => told.push(`${name} hung`));
    return step < 5;
  });
  expect(told).toEqual(["step 0 ran", "step 1 ran", "step 2 hung", "step 3 ran", "step 4 ran"]);
});

it("code within code is stopped with the outer one", () => {
  const told: string[] = [];
  let hasRun = false;
  loopWithLimit(20, () => {
    if (hasRun) return false;
    hasRun = true;
    const inner = () => withLimit(0, endless, () => told.push("inner"));
    withLimit(0, inner, () => told.push("outer"));
    return true;
  });
  expect(told).toEqual(["outer"]);
});

it("a loop without device code that hangs is an error, and leaves nothing behind", () => {
  expect(() => loopWithLimit(20, endless as () => boolean)).toThrow(RanTooLong);
  const told: string[] = [];
  withLimit(20, endless, () => told.push("stopped"));
  expect(told).toEqual(["stopped"]);
});

it("an error of a step ends the loop and comes out as it is", () => {
  const fails = () => {
    throw new TypeError("mine");
  };
  for (const limitMs of [0, 1000]) expect(() => loopWithLimit(limitMs, fails)).toThrow("mine");
});
