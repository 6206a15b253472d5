import { randomBytes } from "node:crypto";
import { connect } from "node:net";
import { Code } from "../../../firmware/protocol/errors.ts";
import { encodeLine } from "../../../firmware/protocol/host/line.ts";
import { encodeIdentity, identityOffset } from "../../cli/factory/identity.ts";
import { SimBoard } from "../../sim/board/simBoard.ts";
import { type EventLine, operating } from "../api.ts";
import { boardOptions, recordHandshakes, world } from "../fleet.ts";
import type { Chapter, Stage } from "../stage.ts";
import { codeName } from "../view/teller.ts";
import { pause } from "../watch.ts";
import { inBatches } from "./batches.ts";

const account = "acme";

/** Every device gets its owner; three who should not are refused. */
export const claim: Chapter = {
  title: "Claim",
  async play(stage) {
    const { view, watch, api, boards } = stage;
    await wrongCode(stage);
    await wrongKey(stage);
    const victim = stage.pick(boards.devices.filter(({ sim }) => sim.board.link === "serial"));
    const recorded = recordHandshakes(victim.sim);
    view.busy("claiming 51 devices with the codes of their labels");
    await inBatches(boards.devices, ({ made }) =>
      api.must("POST", "/v1/claims", { serial: made.serial, code: made.birth.code, account }),
    );
    // Claims are mostly waiting: time for the compiler.
    void stage.build("v11");
    await watch.waitFor("every device to hold its new key", ({ devices, events }) => {
      const committed = new Set(events.filter(isCommit).map(({ serial }) => serial));
      const inUse = [...devices.values()].filter(({ lifecycle }) => lifecycle === operating);
      return committed.size === boards.devices.length && inUse.length === committed.size;
    });
    view.good(`${boards.devices.length} devices claimed: HELLO, CHAL, PROVE, GRANT, COMMIT, ACK.`);
    view.say("Each device key was replaced; the factory never knew the new one. The apps run now.");
    await playAgain(stage, victim.made.serial, recorded);
  },
};

const isCommit = ({ kind }: EventLine) => kind === "claimCommitted";

/** A right code, but of another device's label. */
async function wrongCode({ view, api, boards }: Stage): Promise<void> {
  const [one, other] = boards.devices.map(({ made }) => made);
  const reply = await api.call("POST", "/v1/claims", {
    serial: one!.serial,
    code: other!.birth.code,
    account: "mallory",
  });
  if (reply.status < 400) throw new Error(`claim of ${one!.serial}: a wrong code was taken`);
  view.refused(reply.body.name, `Somebody claims ${one!.serial} with the code of another label.`);
}

/** A board with the serial of a device of ours, but not its key. */
async function wrongKey(stage: Stage): Promise<void> {
  const { view, watch, boards, options } = stage;
  const { made } = stage.pick(boards.devices.filter(({ sim }) => sim.board.id === "linux"));
  view.busy(`a 52nd board calls itself ${made.serial}`);
  const storage = made.storage.slice();
  const deviceKey = new Uint8Array(randomBytes(32));
  storage.set(encodeIdentity({ ...made.birth.identity, deviceKey }), identityOffset);
  const impostor = new SimBoard({
    ...boardOptions({ ...made, storage }, options.seed),
    ...world(),
  });
  impostor.powerOn();
  try {
    const event = await refusal(stage, made.serial, [Code.BrokerPasswordWrong, Code.HandshakeMac]);
    view.refused(
      codeName(event.code!),
      `A 52nd board calls itself ${made.serial}, but does not hold its device key.`,
    );
  } finally {
    impostor.powerOff();
  }
  await watch.waitFor("the log", ({ agentAnswers }) => agentAnswers);
}

/** Somebody listened on a cable and plays a handshake again, word for word, on a line of their own. */
async function playAgain(
  stage: Stage,
  serial: string,
  recorded: { hello: Uint8Array; prove: Uint8Array }[],
): Promise<void> {
  const { view, watch, boards, gateway, signal } = stage;
  const { sim } = boards.get(serial);
  await watch.waitFor(`a recorded handshake of ${serial}`, () => recorded.length > 0);
  const known = recorded.length;
  view.busy(`${serial} starts anew, then its older handshake is played again`);
  sim.powerOff();
  await pause(300, signal);
  sim.powerOn();
  await watch.waitFor(`a newer handshake of ${serial}`, () => recorded.length > known);
  const line = connect(gateway!.port, "127.0.0.1");
  line.on("error", () => line.destroy());
  const old = recorded[known - 1]!;
  // The new handshake has to be accepted before the old one can come too late.
  await pause(1000, signal);
  line.write(encodeLine(old.hello));
  line.write(encodeLine(old.prove));
  const event = await refusal(stage, serial, [Code.HandshakeReplayed]);
  line.destroy();
  view.refused(
    codeName(event.code!),
    `A handshake of ${serial}, recorded on its cable, is played again: ${event.text}.`,
  );
}

/** Waits until the agent's log names a refusal. */
function refusal({ watch }: Stage, serial: string, codes: number[]): Promise<EventLine> {
  return watch.waitFor(`the refusal of ${serial} in the agent's log`, ({ events }) =>
    events.find(
      (event) =>
        event.kind === "messageRefused" && event.serial === serial && codes.includes(event.code!),
    ),
  );
}
