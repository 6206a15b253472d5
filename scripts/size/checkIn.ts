import type { Board } from "../../boards/index.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { detokenise } from "../cli/build/pretokenise.ts";
import { brokerNet, joinSerial } from "../powercut/carrier.ts";
import { isPacked, makeMaterial } from "../powercut/material.ts";
import { freshPeer, Peer } from "../powercut/peer.ts";
import { SimBoard } from "../sim/board/simBoard.ts";
import { siteWifi } from "../sim/board/wifiLib.ts";
import { VirtualClock } from "../sim/clock.ts";
import { NorFlash } from "../sim/flash/norFlash.ts";
import { rulesOf } from "../sim/flash/rules.ts";
import type { SimNet } from "../sim/net.ts";

/** What one check-in of a claimed device costs when nothing else is under way. */
export interface CheckInCost {
  /** bytes that leave the board, and that reach it, with the carrier's framing (line protocol or MQTT, not TCP or BLE) */
  upBytes: number;
  downBytes: number;
  /** those bytes at the board's stated rate; 0 where the board has no radio */
  radioMs: number;
  flashWrites: number;
  flashErases: number;
}

const checkIns = 10;
const limitMs = 60 * 60_000;

/** Plays a claimed device with the shipped texts on a simulated board, and counts over ten check-ins.
 *  @returns means of one check-in, flash counted in operations
 *  @throws Error when the device does not get claimed or stops checking in */
export async function measureCheckIn(board: Board): Promise<CheckInCost> {
  const material = await makeMaterial(board.id);
  const clock = new VirtualClock(1_750_000_000_000);
  const flash = new NorFlash(rulesOf(board), material.storage);
  const state = { ...freshPeer(), lifecycle: Lifecycle.ClaimPending };
  const peer = new Peer(material, state, () => clock.nowMs());
  const bytes = { up: 0, down: 0 };
  const sim = new SimBoard({
    board,
    clock,
    flash,
    net: counted(brokerNet(peer, material.birth.record.serial, clock), bytes),
    wifi: siteWifi,
    seed: 1,
    wallLimitMs: 0,
    detokenise: isPacked(board) ? detokenise : undefined,
  });
  if (board.link === "serial") {
    joinSerial(sim, peer, clock);
    sim.onSerial((data) => {
      bytes.up += data.length;
    });
    const feed = sim.feedSerial.bind(sim);
    sim.feedSerial = (data) => {
      bytes.down += data.length;
      feed(data);
    };
  }
  const until = (what: string, done: () => boolean) => {
    if (!clock.advanceUntil(done, limitMs)) throw new Error(`${board.id}: expected ${what}`);
  };
  sim.powerOn();
  until("a claim", () => peer.state.checkIn?.lifecycle === Lifecycle.Operating);
  const next = (count: number) => {
    for (let i = 0; i < count; i++) {
      peer.state.checkIn = null;
      until("a check-in", () => peer.state.checkIn !== null);
      // The answer and what it makes the device write.
      clock.advance(2000);
    }
  };
  next(1);
  const before = { ...bytes };
  const wear = total(flash);
  next(checkIns);
  const after = total(flash);
  sim.powerOff();
  const upBytes = (bytes.up - before.up) / checkIns;
  const downBytes = (bytes.down - before.down) / checkIns;
  const { bitsPerS } = board.radio;
  return {
    upBytes,
    downBytes,
    radioMs: bitsPerS ? ((upBytes + downBytes) * 8000) / bitsPerS : 0,
    flashWrites: (after.writes - wear.writes) / checkIns,
    flashErases: (after.erases - wear.erases) / checkIns,
  };
}

function total(flash: NorFlash): { writes: number; erases: number } {
  const sum = { writes: 0, erases: 0 };
  for (const page of flash.wear()) {
    sum.writes += page.writes;
    sum.erases += page.erases;
  }
  return sum;
}

/** The same network; what passes is counted. */
function counted(net: SimNet, bytes: { up: number; down: number }): SimNet {
  return {
    connect(host, port, events) {
      const connection = net.connect(host, port, {
        connected: () => events.connected(),
        drained: () => events.drained(),
        closed: (failure) => events.closed(failure),
        data(data) {
          bytes.down += data.length;
          events.data(data);
        },
      });
      const write = connection.write.bind(connection);
      connection.write = (data) => {
        bytes.up += data.length;
        write(data);
      };
      return connection;
    },
  };
}
