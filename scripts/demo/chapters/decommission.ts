import { verifyCertificate } from "../../../firmware/protocol/host/certificate.ts";
import { SimBoard } from "../../sim/board/simBoard.ts";
import { inspectFlash } from "../../story/inspect.ts";
import { secretsFound, secretsOf } from "../../story/secrets.ts";
import { retired } from "../api.ts";
import { boardOptions, type DemoDevice, world } from "../fleet.ts";
import { losePower } from "../powerLoss.ts";
import type { Chapter, Stage } from "../stage.ts";

const acknowledged = 3;

/** One device leaves: wiped through a power loss, with a certificate, and its key opens nothing any more. */
export const decommission: Chapter = {
  title: "Decommission",
  async play(stage) {
    const { view, watch, api, boards } = stage;
    const leaving = stage.pick(boards.devices.filter(({ made }) => made.board.id === "esp32"));
    const { serial } = leaving.made;
    const copy = leaving.sim.storageImage();
    const held = secretNames(stage, leaving, copy);
    // A search that cannot find what is there would prove nothing when it finds nothing.
    if (!held) throw new Error(`flash of ${serial}: expected a used device's secrets, found none`);
    view.say(`${serial} goes to scrap. A search of its raw flash still finds: ${held}.`);
    view.busy(`${serial} zeroes its keys and erases its slots`);
    const loss = losePower(leaving, "midWipe", (text) => view.strike(text));
    const order = { mode: "scrap", person: "Ada Operator" };
    await api.must("POST", `/v1/devices/${serial}/decommission`, order);
    await Promise.race([loss, watch.waitFor("the power loss of the wipe", () => false)]);
    view.busy(`${serial} resumes its wipe and sends the receipt`);
    await watch.waitFor("the acknowledged receipt", ({ devices }) => {
      const isRetired = devices.get(serial)?.lifecycle === retired;
      return isRetired && stageOfWipe(leaving) === acknowledged;
    });
    await checkCertificate(stage, serial);
    await comeBack(stage, leaving, copy);
    const left = secretNames(stage, leaving, leaving.sim.storageImage());
    view.good(`Raw flash of ${serial} searched for every secret it ever held: ${left || "none"}.`);
  },
};

function stageOfWipe({ made, sim }: DemoDevice): number {
  return inspectFlash(made.board, sim.storageImage()).wipeStage;
}

function secretNames(stage: Stage, { made }: DemoDevice, flash: Uint8Array): string {
  const epoch = stage.watch.snapshot.devices.get(made.serial)?.epoch ?? 0;
  return secretsFound(flash, secretsOf(made.birth, stage.km, epoch)).join(", ");
}

/** Checks the certificate as somebody would who has only its text and the agent's public key. */
async function checkCertificate({ api, view }: Stage, serial: string): Promise<void> {
  const certificate = await api.must("GET", `/v1/devices/${serial}/certificate`);
  const { publicKey, certificates } = await api.must("GET", "/v1/certificates");
  const text = (certificates as string[]).find((one) => JSON.parse(one).device.serial === serial);
  if (!text || JSON.parse(text).signature !== certificate.signature) {
    throw new Error(`certificate of ${serial}: expected the same in the chain, found another`);
  }
  const checked = verifyCertificate(text, new Uint8Array(Buffer.from(publicKey, "hex")));
  view.good(
    `Certificate ${checked.index}, class ${checked.class}, method ${checked.method}: verified offline, ` +
      `with the receipt that ${serial} signed with its one-time key.`,
  );
}

/** The wiped device has no key left to come back with; so somebody puts back a copy of its flash from before. */
async function comeBack(stage: Stage, { made }: DemoDevice, copy: Uint8Array): Promise<void> {
  const { view, watch, options } = stage;
  const { serial } = made;
  view.busy(`a board with a copy of ${serial}'s old flash tries to come back`);
  const zombie = new SimBoard({
    ...boardOptions({ ...made, storage: copy }, options.seed),
    ...world(),
  });
  zombie.powerOn();
  try {
    await watch.waitFor("the retired device's contact to be counted", ({ devices }) => {
      return (devices.get(serial)?.zombieContacts ?? 0) > 0;
    });
  } finally {
    zombie.powerOff();
  }
  view.refused(
    "DeviceRetired",
    `A copy of ${serial}'s flash from before the wipe connects: its key is revoked, the contact is counted.`,
  );
}
