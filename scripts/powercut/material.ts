import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { type Board, boards, firstPageOf } from "../../boards/index.ts";
import type { Image } from "../../firmware/protocol/host/coding.ts";
import { algHssLms, type Signer } from "../../firmware/protocol/host/cose.ts";
import { unshrink } from "../../firmware/protocol/host/heatshrink.ts";
import { LmsPrivateKey } from "../../firmware/protocol/host/lms/index.ts";
import { encodeEnvelope, encodeManifest, signManifest } from "../../firmware/protocol/host/suit.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { buildFirmware, type Firmware } from "../cli/build/firmware.ts";
import { buildApp, composeImage } from "../cli/build/image.ts";
import { type Birth, makeBirth } from "../cli/factory/birth.ts";
import { encodeIdentity } from "../cli/factory/identity.ts";
import { composeStorage } from "../cli/factory/storageImage.ts";
import { siteWifi } from "../sim/board/wifiLib.ts";
import { seededRandom } from "../sim/random.ts";
import { type KeySetOffer, signKeySet } from "./keySets.ts";

/** A signed release as the cloud serves it. */
export interface Release {
  sequence: number;
  floor: number;
  envelope: Uint8Array;
  payload: Uint8Array;
  digest: Uint8Array;
}

/** All that a sweep of one board needs: plain data, so that it passes between threads. */
export interface Material {
  board: Board;
  km: Uint8Array;
  birth: Birth;
  /** as the factory leaves it: released, release 1 in slot A */
  storage: Uint8Array;
  /** well, and its confirm raises the floor to itself */
  raising: Release;
  /** well, and the way back stays open */
  gentle: Release;
  /** ends at each start */
  bad: Release;
  /** key set 2 at once, then 3 without the key of the releases above: at once, or with the confirm of release 2 */
  keySets: { first: KeySetOffer; now: KeySetOffer; later: KeySetOffer };
  texts: Texts;
  /** all images of the above, what a patch may copy from */
  images: Image[];
}

/** Texts that the device evaluates, as they stand in flash. */
export interface Texts {
  boot0: string;
  /** flat [address, bytes, …] by part, bytes below zero for a packed one */
  table: number[];
  /** as they are evaluated */
  parts: string[];
  /** parts of the framework behind each image */
  slotParts: string[];
  /** of each slot part as it is stored */
  slotPartBytes: number[];
  images: [text: string, app: AppName][];
}

/** Apps that the swept devices run. */
export type AppName = "first" | "second" | "bad";
const appFile = (name: AppName) => fileURLToPath(new URL(`./apps/${name}.ts`, import.meta.url));
export const appFiles: Record<AppName, string> = {
  first: appFile("first"),
  second: appFile("second"),
  bad: appFile("bad"),
};

/** Release that the device is born with, and its floor. */
export const bornSequence = 1;
const vendorDomain = "example.com";
const model = "swept";

const bytesOf = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const sha256 = (data: Uint8Array) => new Uint8Array(createHash("sha256").update(data).digest());

/** Builds firmware, keys and one device of a board. The same call gives the same bytes, so a cut can be played again. */
export async function makeMaterial(boardId: string): Promise<Material> {
  const board = boards[boardId];
  if (!board) throw new Error(`board: expected ${Object.keys(boards).join(", ")}, got ${boardId}`);
  // The sweep looks at power, not at size: `npm run size` holds the budget.
  const options = { pretokenise: isPacked(board), overBudget: "allow" } as const;
  const first = await buildFirmware(board, appFiles.first, options);
  const slotParts = first.slotParts.map(({ text }) => text).join("");
  // Only the app is another one: the framework is built once.
  const imageOf = async (app: AppName) =>
    composeImage(first.runtimeText, await buildApp(board, appFiles[app], options), slotParts);
  const key = lmsKey("power cut sweep");
  const km = sha256(bytesOf("master key of the power cut sweep"));
  const roots = [1, 2, 3, 4, 5, 6, 7].map((number) => lmsKey(`power cut root ${number}`));
  const bornRoots = roots.slice(0, 3).map(({ publicKey }) => publicKey);
  const birth = bear(board, km, { threshold: 1, releaseKeys: [key.publicKey] }, bornRoots);
  const keySet = (version: number, releaseKeys: Uint8Array[], withSequence: number, leaf: number) =>
    signKeySet(roots, { version, releaseKeys, withSequence, leaf });
  const nextKey = lmsKey("the key after the power cut sweep").publicKey;
  let leaf = 0;
  const signer: Signer = {
    alg: algHssLms,
    publicKey: key.publicKey,
    sign: (message) => key.sign(leaf++, message),
  };
  const release = (sequence: number, floor: number, payload: string) =>
    signed(birth, signer, sequence, floor, bytesOf(payload));
  const [good, failing] = [filled(await imageOf("second")), filled(await imageOf("bad"))];
  const storage = factoryStorage(board, birth, first);
  const images = [first.imageText, good].map((text) => ({
    bytes: bytesOf(text),
    digest: hex(sha256(bytesOf(text))),
  }));
  return {
    board,
    km,
    birth,
    images,
    storage,
    raising: release(2, 2, good),
    gentle: release(2, 1, good),
    bad: release(3, 3, failing),
    keySets: {
      first: keySet(2, [key.publicKey, nextKey], 0, 0),
      now: keySet(3, [nextKey], 0, 1),
      later: keySet(3, [nextKey], 2, 2),
    },
    texts: textsOf(board, first, storage, [
      [first.imageText, "first"],
      [good, "second"],
      [failing, "bad"],
    ]),
  };
}

function textsOf(
  board: Board,
  firmware: Firmware,
  storage: Uint8Array,
  images: Texts["images"],
): Texts {
  const { core, slotParts } = firmware;
  const textAt = (at: number, bytes: number) =>
    Buffer.from(storage.subarray(at, at + bytes)).toString("latin1");
  const { plan, pageBytes } = board;
  const before = -firstPageOf(plan) * pageBytes;
  const plain = (text: string) =>
    Buffer.from(unshrink(Buffer.from(text, "latin1"))).toString("latin1");
  // The factory fills .boot0 to a whole flash word.
  const start = Buffer.from(storage).lastIndexOf(Buffer.from(".boot0\0")) + 28;
  const bytes = Buffer.from(storage).readUInt32LE(start - 32);
  return {
    boot0: textAt(start, bytes),
    table: core.parts.flatMap((part) => [part.address, part.cold ? -part.bytes : part.bytes]),
    parts: core.parts.map(({ address, bytes, cold }) =>
      cold ? plain(textAt(before + address, bytes)) : textAt(before + address, bytes),
    ),
    slotParts: slotParts.map(({ text, cold }) => (cold ? plain(text) : text)),
    slotPartBytes: slotParts.map(({ text }) => text.length),
    images,
  };
}

/** True where texts are packed into tokens, as the factory does for boards with little flash. */
export const isPacked = (board: Board) => board.plan.totalPages <= 10;

/** Bytes of an update: more than a page on every board, and not a whole number of blocks. */
const updateBytes = 5200;

/** The text with a string before it that makes it as long as a real app. Nothing may stand behind it: slot parts are found
 *  from the end. */
function filled(text: string): string {
  const random = seededRandom("filling");
  let filling = "";
  while (text.length + filling.length + 3 < updateBytes)
    filling += random().toString(36).slice(2, 8);
  // Nothing may stand behind it: slot parts are counted back from the end.
  return `"${filling}",${text}`;
}

const lmsKeys = new Map<string, LmsPrivateKey>();

/** The same name gives the same key, made once for all boards. */
function lmsKey(name: string): LmsPrivateKey {
  const known = lmsKeys.get(name);
  if (known) return known;
  const material = createHash("sha512").update(name).digest();
  const key = LmsPrivateKey.generate({
    height: 5,
    identifier: new Uint8Array(material.subarray(0, 16)),
    seed: new Uint8Array(material.subarray(16, 40)),
  });
  lmsKeys.set(name, key);
  return key;
}

function bear(
  board: Board,
  km: Uint8Array,
  release: { threshold: number; releaseKeys: Uint8Array[] },
  roots: Uint8Array[],
): Birth {
  const random = seededRandom(`birth ${board.id}`);
  return makeBirth({
    board,
    serial: `SWEPT-${board.id.toUpperCase()}`,
    model,
    hardwareRev: 1,
    batch: "B1",
    station: "sweep",
    vendorDomain,
    kmId: 1,
    km,
    keySet: { version: 1, ...release, root: { threshold: 2, keys: roots } },
    agentHost: "agent.example.com",
    agentPort: 1883,
    wifi: board.radio.kind === "wifi" ? siteWifi : undefined,
    labelHost: "fleet.example.com",
    bornAt: new Date(1_750_000_000_000),
    random: (n) => Uint8Array.from({ length: n }, () => Math.floor(random() * 256)),
  });
}

function factoryStorage(board: Board, birth: Birth, firmware: Firmware): Uint8Array {
  return composeStorage(board, {
    identity: encodeIdentity(birth.identity),
    page0Text: firmware.core.page0Text,
    coreText: firmware.core.coreText,
    boot0Text: firmware.core.boot0Text,
    slotA: {
      text: firmware.imageText,
      sequence: bornSequence,
      digest: sha256(bytesOf(firmware.imageText)),
      floor: bornSequence,
      trialMinutes: 60,
    },
    lifecycle: Lifecycle.Released,
  });
}

function signed(
  birth: Birth,
  signer: Signer,
  sequence: number,
  floor: number,
  payload: Uint8Array,
): Release {
  const digest = sha256(payload);
  const manifest = encodeManifest({
    sequence,
    floor,
    vendorId: birth.identity.vendorId,
    classId: birth.identity.classId,
    digest,
    sizeBytes: payload.length,
    interpreter: ["2v0", "9v99"],
    trialMinutes: 60,
  });
  const envelope = encodeEnvelope(manifest, signManifest(manifest, [signer]));
  return { sequence, floor, envelope, payload, digest };
}
