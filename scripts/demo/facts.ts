import { Code } from "../../firmware/protocol/errors.ts";
import { verifyCertificate } from "../../firmware/protocol/host/certificate.ts";
import { inspectFlash } from "../story/inspect.ts";
import { secretsFound, secretsOf } from "../story/secrets.ts";
import { type DeviceLine, type EventLine, operating, type ReleaseLine, retired } from "./api.ts";
import { forged } from "./chapters/forgeries.ts";
import type { DemoDevice } from "./fleet.ts";
import { type Stage, sequences } from "./stage.ts";
import { codeName } from "./view/teller.ts";
import { eventsAfter } from "./watch.ts";

/** The last line of the demo: what agent and flash images say at the end. */
export interface Facts {
  devices: number;
  claimed: number;
  /** different refusals while claiming */
  refusedClaims: number;
  refusedClaimCodes: string[];
  confirmed11: number;
  /** devices in use at the end, and those of them that agent and flash both see on confirmed 1.1 */
  inUse: number;
  running11: number;
  haltedRelease: string | null;
  haltReason: string | null;
  wavesStarted12: number;
  reverted12: number;
  /** downloads begun after the halt: going back needs none */
  downloadsAfterHalt: number;
  poisoned: boolean;
  /** name of the device's refusal */
  tamperedRefused: string | null;
  replayRefused: string | null;
  /** of the certificate: method and class */
  wipeVerdict: string | null;
  receiptVerified: boolean;
  zombieContacts: number;
  secretsFoundAfterWipe: number;
  agentRestarts: number;
  /** devices of which the agent believes, or ever believed, a confirmed image that was not one: their flash does not
   *  bear it out, or the log has it confirmed before it ran on trial */
  falseSuccess: number;
  seconds: number;
}

interface Sources {
  devices: DeviceLine[];
  events: EventLine[];
  releases: ReleaseLine[];
  rollout12: { wave: number; status: string; haltReason: string | null; sequence: number } | null;
  certificates: { publicKey: string; certificates: string[] };
}

/** Reads every figure anew from the agent's API and the raw flash; nothing of what the chapters remember is used. */
export async function readFacts(stage: Stage, startedMs: number): Promise<Facts> {
  const { api } = stage;
  const { devices } = await api.must("GET", "/v1/devices?limit=500");
  const { releases } = await api.must("GET", "/v1/releases");
  const { rollouts } = await api.must("GET", "/v1/rollouts");
  const sources: Sources = {
    devices,
    releases,
    events: await eventsAfter(api, 0),
    rollout12: rollouts.find((one: { status: string }) => one.status === "halted") ?? null,
    certificates: await api.must("GET", "/v1/certificates"),
  };
  return {
    ...claimFacts(sources),
    ...updateFacts(sources),
    ...haltFacts(sources),
    ...wipeFacts(stage, sources),
    ...flashFacts(stage.boards.devices, sources),
    agentRestarts: sources.events.filter(({ kind }) => kind === "agentStarted").length - 1,
    seconds: Math.round((Date.now() - startedMs) / 100) / 10,
  };
}

function claimFacts({ devices, events }: Sources) {
  const refusals = events.filter(
    ({ kind, code }) =>
      kind === "claimCodeWrong" ||
      (kind === "messageRefused" &&
        [Code.BrokerPasswordWrong, Code.HandshakeMac, Code.HandshakeReplayed].includes(code!)),
  );
  const refusedClaimCodes = [...new Set(refusals.map(({ code }) => codeName(code!)))].sort();
  return {
    devices: devices.length,
    claimed: serialsOf(events, "claimCommitted").size,
    refusedClaims: refusedClaimCodes.length,
    refusedClaimCodes,
  };
}

function updateFacts({ events }: Sources) {
  const refused = (sequence: number) => {
    const event = events.find((one) => one.kind === "updateRefused" && one.sequence === sequence);
    return event ? codeName(event.code!) : null;
  };
  return {
    confirmed11: serialsOf(events, "updateConfirmed", sequences.v11).size,
    tamperedRefused: refused(forged.tampered),
    replayRefused: refused(forged.replayed),
  };
}

function haltFacts({ events, releases, rollout12 }: Sources) {
  const release = releases.find(({ sequence }) => sequence === rollout12?.sequence);
  const reverted = serialsOf(events, "updateReverted", sequences.v12);
  const haltId = events.find(({ kind }) => kind === "rolloutHalted")?.id ?? 0;
  const downloads = events.filter(
    ({ id, kind, serial }) => id > haltId && kind === "updateStarted" && reverted.has(serial!),
  );
  return {
    haltedRelease: release?.version ?? null,
    haltReason: rollout12?.haltReason ?? null,
    wavesStarted12: rollout12 ? rollout12.wave + 1 : 0,
    reverted12: reverted.size,
    downloadsAfterHalt: downloads.length,
    poisoned: release !== undefined && release.poisonedMs !== null,
  };
}

function wipeFacts({ boards, km }: Stage, { devices, certificates }: Sources) {
  const left = devices.filter(({ lifecycle }) => lifecycle === retired);
  let verdict: string | null = null;
  let verified = 0;
  let secrets = 0;
  for (const { serial, epoch } of left) {
    const text = certificates.certificates.find((one) => JSON.parse(one).device.serial === serial);
    if (text) {
      const publicKey = new Uint8Array(Buffer.from(certificates.publicKey, "hex"));
      const certificate = verifyCertificate(text, publicKey);
      verdict = `${certificate.method}, class ${certificate.class}`;
      // Classes A to C are refused by the verifier when the device's own receipt inside does not check.
      verified += certificate.receipt ? 1 : 0;
    }
    const { made, sim } = boards.get(serial);
    secrets += secretsFound(sim.storageImage(), secretsOf(made.birth, km, epoch)).length;
  }
  return {
    wipeVerdict: verdict,
    receiptVerified: left.length > 0 && verified === left.length,
    zombieContacts: left.reduce((sum, { zombieContacts }) => sum + zombieContacts, 0),
    secretsFoundAfterWipe: secrets,
  };
}

/** Holds what the agent believes of each device in use against the journal and the slot in its flash. */
function flashFacts(fleet: DemoDevice[], { devices, events }: Sources) {
  const inUse = devices.filter(({ lifecycle }) => lifecycle === operating);
  const wrong = confirmedUntried(events);
  let running11 = 0;
  for (const device of inUse) {
    if (device.slotState !== 0) continue;
    const { made, sim } = fleet.find((one) => one.made.serial === device.serial)!;
    const { running, slots } = inspectFlash(made.board, sim.storageImage());
    const isBorneOut =
      running !== null &&
      slots[5] === 0 &&
      running[0] === device.runningSequence &&
      Buffer.from(running[3]).toString("hex").startsWith(device.runningDigest);
    if (!isBorneOut) wrong.add(device.serial);
    else if (running[0] === sequences.v11) running11++;
  }
  return { inUse: inUse.length, running11, falseSuccess: wrong.size };
}

/** Devices that the agent took for updated to an image of which it had seen no trial. */
function confirmedUntried(events: EventLine[]): Set<string> {
  const tried = new Set<string>();
  const wrong = new Set<string>();
  for (const { kind, serial, sequence } of events) {
    if (serial === null) continue;
    if (kind === "updateInstalled") tried.add(`${serial} ${sequence}`);
    if (kind === "updateConfirmed" && !tried.has(`${serial} ${sequence}`)) wrong.add(serial);
  }
  return wrong;
}

function serialsOf(events: EventLine[], kind: string, sequence?: number): Set<string> {
  const found = new Set<string>();
  for (const event of events) {
    const isMeant = event.kind === kind && (sequence === undefined || event.sequence === sequence);
    if (isMeant && event.serial) found.add(event.serial);
  }
  return found;
}
