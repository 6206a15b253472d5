import type { DemoDevice } from "../fleet.ts";
import { type Chapter, type Stage, sequences } from "../stage.ts";
import { codeName } from "../view/teller.ts";
import { floor } from "./rollout.ts";

/** Sequences of the two forgeries: one newer than everything, one from before the floor. */
export const forged = { tampered: 13, replayed: 5 };

/** A tampered and a replayed release are handed to one device each; each device refuses by itself. */
export const forgeries: Chapter = {
  title: "A tampered and a replayed release",
  async play(stage) {
    const { boards, view } = stage;
    const free = boards.devices.filter(({ made }) => made.board.link === "mqtt");
    const first = stage.pick(free);
    const second = stage.pick(free.filter((one) => one !== first));
    const firmware = await stage.build("v11");
    const sign = ({ made }: DemoDevice, sequence: number) => {
      const { board } = made;
      const images = [{ board, firmware: firmware.get(board.id)! }];
      const given = {
        sequence,
        floor: Math.min(floor, sequence),
        version: "x",
        notes: "Forged.",
        images,
      };
      return stage.shop.release(given).signed.images[0]!;
    };
    const tampered = sign(first, forged.tampered);
    const envelope = oneBitChanged(tampered.envelope, tampered.digest);
    view.busy(`${first.made.serial} is handed release ${forged.tampered} with one bit changed`);
    await handOver(
      stage,
      first,
      forged.tampered,
      envelope,
      tampered.payload,
      "a properly signed release with one bit of its manifest changed",
    );
    const old = sign(second, forged.replayed);
    view.busy(`${second.made.serial} is handed release ${forged.replayed}, below its floor`);
    await handOver(
      stage,
      second,
      forged.replayed,
      old.envelope,
      old.payload,
      `an old release, sequence ${forged.replayed}, whose signature is right; the floor is ${floor}`,
    );
    view.say(`Both go on with release ${sequences.v11}; nothing was written to their slots.`);
  },
};

/** Changes one bit of the image digest inside the manifest. */
function oneBitChanged(envelope: Uint8Array, digestHex: string): Uint8Array {
  const changed = envelope.slice();
  const at = Buffer.from(changed.buffer).indexOf(Buffer.from(digestHex, "hex"));
  if (at < 0) throw new Error("envelope: expected the image's digest inside, found none");
  changed[at]! ^= 1;
  return changed;
}

async function handOver(
  { api, watch, view }: Stage,
  { made }: DemoDevice,
  sequence: number,
  envelope: Uint8Array,
  payload: Uint8Array,
  what: string,
): Promise<void> {
  const { serial } = made;
  const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  await api.must("POST", "/v1/lab/offers", {
    serial,
    sequence,
    envelope: base64(envelope),
    payload: base64(payload),
  });
  const event = await watch.waitFor(`${serial} to refuse release ${sequence}`, ({ events }) =>
    events.find(
      (one) => one.kind === "updateRefused" && one.serial === serial && one.sequence === sequence,
    ),
  );
  await api.must("DELETE", `/v1/lab/offers/${serial}`);
  view.refused(codeName(event.code!), `${serial} is handed ${what}.`);
}
