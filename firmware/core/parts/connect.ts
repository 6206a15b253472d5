import { Rec } from "../../flash/journal.ts";
import type { Bytes } from "../../hal/hal.ts";
import { helloWantedPauseMs } from "../../protocol/limits.ts";
import { Lifecycle } from "../../protocol/messages.ts";
import type { Kit } from "../kit.ts";
import { Part } from "../parts.ts";
import type { AppHook, ClientState } from "./client.ts";

/** Opens the link and begins to check in. It is in the core because recovery needs it. @returns app → ClientState */
export default (k: Kit) =>
  (app: AppHook): ClientState => {
    const c = {
      app,
      frames: null,
      hello: null,
      hellos: 0,
      helloAtMs: -helloWantedPauseMs,
      timer: null,
      update: null,
      life: k.get(Rec.Life) || [Lifecycle.Released, 0, 60],
      refusal: null,
      bad: 0,
      ok: 0,
      failed: 0,
      waiting: 0,
    } as unknown as ClientState;
    c.send = k.part(Part.Link)(
      (b: Bytes) => k.part(Part.Client)(c).received(b),
      () => k.part(Part.Client)(c).checkIn(),
    );
    return c;
  };
