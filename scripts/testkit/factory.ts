import { createHash } from "node:crypto";
import { type Board, boards } from "../../boards/index.ts";
import { algHssLms, type Signer } from "../../firmware/protocol/host/cose.ts";
import { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";
import {
  encodeEnvelope,
  encodeManifest,
  type Manifest,
  signManifest,
} from "../../firmware/protocol/host/suit.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { boardById } from "../cli/build/boardFields.ts";
import type { Core } from "../cli/build/core.ts";
import type { Firmware } from "../cli/build/firmware.ts";
import { detokenise } from "../cli/build/pretokenise.ts";
import { type Birth, makeBirth } from "../cli/factory/birth.ts";
import { encodeIdentity } from "../cli/factory/identity.ts";
import { composeStorage } from "../cli/factory/storageImage.ts";
import { siteWifi } from "../sim/board/wifiLib.ts";
import { seededRandom } from "../sim/random.ts";

/** A signed release as the cloud serves it. */
export interface Release {
  sequence: number;
  envelope: Uint8Array;
  payload: Uint8Array;
}

/** The texts of a build that a board is flashed with. */
export interface Flashable extends Pick<Firmware, "imageText"> {
  core: Pick<Core, "page0Text" | "coreText" | "boot0Text">;
}

export interface ReleaseWish {
  sequence: number;
  /** least sequence that may run once it is confirmed */
  floor: number;
  /** uptime that its trial has, minutes */
  trialMinutes: number;
  /** vitals that its trial has to keep; null = any */
  limits: Manifest["limits"];
  /** who vouches for it on trial; default the agent */
  confirmedBy?: Manifest["confirmedBy"];
  /** interpreter variables that must be free; default any */
  freeVariables?: number;
}

/** One device as the factory leaves it, and the desk that signs its releases. */
export interface Workbench {
  board: Board;
  birth: Birth;
  /** master key that the device's keys come from */
  km: Uint8Array;
  storage: Uint8Array;
  firmware: Flashable;
  release(firmware: Pick<Firmware, "imageText">, wish: ReleaseWish): Release;
  /** Signs any manifest. @param desks how many of the desks sign; default all */
  sign(manifest: Uint8Array, desks?: number): Uint8Array;
}

/** Sequence of the release that a simulated device is born with. */
export const bornSequence = 1;

const sha256 = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());
const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

/** True where texts are packed into tokens, as for boards with little flash. */
export const isPacked = (board: Board) => board.plan.totalPages <= 10;

/** The same few texts are unpacked at each use. */
const plainTexts = new Map<string, string>();
export function plainText(text: string): string {
  let plain = plainTexts.get(text);
  if (plain === undefined) {
    if (plainTexts.size > 200) plainTexts.clear();
    plain = detokenise(text);
    plainTexts.set(text, plain);
  }
  return plain;
}

/** Builds an app as it ships: the board's core, framework and app, down-levelled, gated, minified.
 *  @throws BuildError for whatever `fleetling build` refuses */
export async function buildApp(board: Board, appFile: string): Promise<Firmware> {
  // Loaded when something is built: who only plays a build has no use for compilers.
  const { buildFirmware } = await import("../cli/build/firmware.ts");
  return buildFirmware(board, appFile, { pretokenise: isPacked(board) });
}

const testKeys = new Map<string, LmsPrivateKey>();
/** Small keys for all tests of a process: making one takes longer than a test. They protect nothing. */
function testKey(name = ""): LmsPrivateKey {
  const known = testKeys.get(name);
  if (known) return known;
  const seed = createHash("sha512").update(`fleetling test kit${name}`).digest();
  const made = LmsPrivateKey.generate({
    height: 5,
    identifier: new Uint8Array(seed.subarray(0, 16)),
    seed: new Uint8Array(seed.subarray(16, 40)),
  });
  testKeys.set(name, made);
  return made;
}
const testRoots = () => [1, 2, 3].map((number) => testKey(` root ${number}`).publicKey);

/** Makes one device with the app in slot A.
 *  @throws BuildError for an app or board that does not build */
export async function makeWorkbench(appFile: string, boardId: string): Promise<Workbench> {
  return workbenchOf(await buildApp(boardById(boardId), appFile), boardId);
}

/** As makeWorkbench, of a build that is there. @param desks release keys, all of which have to sign */
export function workbenchOf(firmware: Flashable, boardId: string, desks = 1): Workbench {
  const board = boardById(boardId);
  const keys = Array.from({ length: desks }, (_, i) => testKey(i ? ` desk ${i + 1}` : ""));
  const km = sha256(bytesOf("master key of the test kit"));
  const random = seededRandom(`test kit ${boardId}`);
  const birth = makeBirth({
    ...{ board, serial: `TEST-${boardId.toUpperCase().replace(/[^A-Z0-9-]/g, "-")}` },
    ...{ model: "test", hardwareRev: 1, batch: "B1", station: "test-kit" },
    ...{ vendorDomain: "example.com", kmId: 1, km },
    keySet: {
      ...{ version: 1, threshold: desks, releaseKeys: keys.map((key) => key.publicKey) },
      root: { threshold: 2, keys: testRoots() },
    },
    ...{ agentHost: "agent.example.com", agentPort: 1883, labelHost: "fleet.example.com" },
    wifi: board.radio.kind === "wifi" ? siteWifi : undefined,
    bornAt: new Date(1_750_000_000_000),
    random: (n) => Uint8Array.from({ length: n }, () => Math.floor(random() * 256)),
  });
  const payload = bytesOf(firmware.imageText);
  const storage = composeStorage(board, {
    identity: encodeIdentity(birth.identity),
    page0Text: firmware.core.page0Text,
    coreText: firmware.core.coreText,
    boot0Text: firmware.core.boot0Text,
    slotA: {
      text: firmware.imageText,
      sequence: bornSequence,
      digest: sha256(payload),
      floor: bornSequence,
      trialMinutes: 60,
    },
    lifecycle: Lifecycle.Released,
  });
  let leaf = 0;
  const signers = keys.map(
    (key): Signer => ({
      alg: algHssLms,
      publicKey: key.publicKey,
      sign: (message) => key.sign(leaf++, message),
    }),
  );
  const sign = (manifest: Uint8Array, count = desks) =>
    encodeEnvelope(manifest, signManifest(manifest, signers.slice(0, count)));
  const release = (next: Pick<Firmware, "imageText">, wish: ReleaseWish): Release => {
    const text = bytesOf(next.imageText);
    const { vendorId, classId } = birth.identity;
    const manifest = encodeManifest({
      ...wish,
      ...{ vendorId, classId, digest: sha256(text), sizeBytes: text.length },
      interpreter: ["2v0", "9v99"],
    });
    return { sequence: wish.sequence, envelope: sign(manifest), payload: text };
  };
  return { board: boards[boardId]!, birth, km, storage, firmware, release, sign };
}
