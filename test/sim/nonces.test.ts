/** No nonce ever repeats, on boards whose own random source repeats itself at every start: the shipped texts, started a
 *  thousand times, with power cuts around the write of the boot counter. */
import { describe, expect, it } from "vitest";
import { drbg, drbgBytes } from "../../firmware/crypto/drbg.ts";
import { setHal } from "../../firmware/hal/current.ts";
import { decodeHello } from "../../firmware/protocol/host/handshake.ts";
import { Msg } from "../../firmware/protocol/messages.ts";
import { Bench, makeRig, type Rig } from "../../scripts/powercut/bench.ts";
import { type Material, makeMaterial } from "../../scripts/powercut/material.ts";
import { freshPeer } from "../../scripts/powercut/peer.ts";
import { NorFlash } from "../../scripts/sim/flash/norFlash.ts";
import { cutModels } from "../../scripts/sim/flash/powerCut.ts";
import { rulesOf } from "../../scripts/sim/flash/rules.ts";
import { seededRandom } from "../../scripts/sim/random.ts";
import { nodeHal } from "../support/nodeHal.ts";

/** Starts of each board; a thousand and more over all of them. */
const startsPerBoard = 340;
const startMs = 1_750_000_000_000;

const flashOf = (material: Material) => new NorFlash(rulesOf(material.board), material.storage);

/** Switches the board on and listens for HELLOs. */
function start(rig: Rig, flash: NorFlash, ms: number) {
  const bench = new Bench(rig, { flash, peer: freshPeer(), ms }, "board", ms);
  const hellos: { nd: string; counts: string }[] = [];
  const receive = bench.peer.receive.bind(bench.peer);
  bench.peer.receive = (bytes) => {
    if (bytes[1] === Msg.Hello) {
      const { nd, bootCount, handshakeCount } = decodeHello(bytes);
      hellos.push({
        nd: Buffer.from(nd).toString("hex"),
        counts: `${bootCount}/${handshakeCount}`,
      });
    }
    receive(bytes);
  };
  return { bench, hellos };
}

describe.each(["puckjs", "esp32", "linux"])("a %s", (boardId) => {
  it("never repeats a nonce, nor a pair of boot and handshake count, over its starts and power cuts", async () => {
    const material = await makeMaterial(boardId);
    const rig = await makeRig(material);
    const random = seededRandom(`nonces ${boardId}`);
    let flash = flashOf(material);
    const nonces = new Set<string>();
    const counts = new Set<string>();
    let heard = 0;
    let cuts = 0;
    for (let i = 0; i < startsPerBoard; i++) {
      const { bench, hellos } = start(rig, flash, startMs + i * 60_000);
      // Every other start is cut at one of the first operations: the boot record and what follows it.
      const isCut = i % 2 === 1;
      if (isCut) {
        const model = cutModels[(i >> 1) % cutModels.length]!;
        const operation = Math.floor(random() * 5);
        bench.sim.onEvent(({ kind }) => {
          if (kind === "started") bench.sim.powerCutAt(model, operation);
        });
      }
      bench.sim.powerOn();
      bench.run(() => !bench.sim.running || hellos.length > 0, 2_000);
      if (!bench.sim.running) cuts++;
      // Now and then the answer is lost and the device asks again within one start.
      else if (i % 10 === 0) bench.run(() => hellos.length > 2, 30_000);
      for (const { nd, counts: pair } of hellos) {
        heard++;
        nonces.add(nd);
        counts.add(pair);
      }
      flash = bench.off().flash;
    }
    expect(heard).toBeGreaterThan(startsPerBoard / 2);
    expect(cuts).toBeGreaterThan(startsPerBoard / 8);
    expect([nonces.size, counts.size]).toEqual([heard, heard]);
  });
});

describe("this search for repetitions", () => {
  it("sees one when a flash is put back to an older copy, which loses the counted start", async () => {
    const material = await makeMaterial("linux");
    const rig = await makeRig(material);
    const nonceOf = (flash: NorFlash) => {
      const { bench, hellos } = start(rig, flash, startMs);
      bench.sim.powerOn();
      bench.run(() => hellos.length > 0, 2_000);
      return hellos[0]!;
    };
    const flash = flashOf(material);
    expect(nonceOf(flash.fork())).toEqual(nonceOf(flash.fork()));
  });
});

describe("two devices", () => {
  it("of different seeds, and of one seed and different serials, never draw the same nonce", () => {
    setHal(nodeHal());
    const drawn = new Set<string>();
    const born = [
      { seed: 1, serial: "PUCK-0001" },
      { seed: 2, serial: "PUCK-0001" },
      { seed: 1, serial: "PUCK-0002" },
    ];
    for (const { seed, serial } of born) {
      for (let boot = 1; boot <= 300; boot++) {
        const state = drbg(new Uint8Array(32).fill(seed), boot, serial);
        for (let i = 0; i < 3; i++) drawn.add(Buffer.from(drbgBytes(state, 16)).toString("hex"));
      }
    }
    expect(drawn.size).toBe(born.length * 900);
  });
});
