import { expect, it } from "vitest";
import type { Kit } from "../../firmware/core/kit.ts";
import type { ClientState } from "../../firmware/core/parts/client.ts";
import { Code } from "../../firmware/protocol/errors.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import keysFixed from "../../firmware/runtime/parts/keysFixed.ts";

it("a board whose image is fixed refuses a key set by a code, and goes on without an update", () => {
  const said: unknown[] = [];
  const part = () => () => ({ say: (message: unknown) => void said.push(message) });
  const taken = keysFixed({ part } as unknown as Kit)({} as ClientState, [Msg.Keys, 4, [300, 900]]);
  expect(taken).toBe(null);
  expect(said).toEqual([[Msg.Event, Code.SoftwareFixed, 4, 0, "keys"]]);
});
