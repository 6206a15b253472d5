import { createHash, randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Board } from "../../boards/index.ts";
import { kidOf } from "../../firmware/protocol/host/keyset.ts";
import { productIds } from "../../firmware/protocol/host/productIds.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { buildFirmware, type Firmware } from "../cli/build/firmware.ts";
import { type Birth, makeBirth } from "../cli/factory/birth.ts";
import { encodeIdentity } from "../cli/factory/identity.ts";
import { composeStorage } from "../cli/factory/storageImage.ts";
import { rotate } from "../cli/keys/rotate.ts";
import { createKeys, readKeySet } from "../cli/keys/store.ts";
import { releaseFile, signRelease } from "../cli/release/sign.ts";
import { siteWifi } from "../sim/board/wifiLib.ts";
import type { Json } from "./api.ts";

export const vendorDomain = "example.com";
export const model = "sensor-1";

/** A made device: what stands on its flash and what is on its label. */
export interface MadeDevice {
  serial: string;
  board: Board;
  birth: Birth;
  storage: Uint8Array;
}

/** Factory and release desk of a story: keys, births, builds, signed releases. All of it is the real tools' code. */
export class Workshop {
  readonly keysDir: string;
  readonly km: Uint8Array;
  readonly kmId = 1;
  readonly agentPort: number;

  private constructor(keysDir: string, km: Uint8Array, agentPort: number) {
    this.keysDir = keysDir;
    this.km = km;
    this.agentPort = agentPort;
  }

  /** Makes keys in `dir/keys`. @param height of the release key, 5 or 10 */
  static create(dir: string, km: Uint8Array, agentPort: number, height = 5): Workshop {
    const keysDir = join(dir, "keys");
    createKeys({ dir: keysDir, height });
    return new Workshop(keysDir, km, agentPort);
  }

  /** Makes the next key set: another release key, and none of those before. @returns its version */
  replaceReleaseKeys(): number {
    const drop = readKeySet(this.keysDir).release.keys.map(kidOf);
    return rotate({ dir: this.keysDir, release: { make: 5, drop } }).version;
  }

  build(board: Board, appFile: string): Promise<Firmware> {
    return buildFor(board, appFile);
  }

  /** One device with release `sequence` in slot A. */
  make(board: Board, serial: string, firmware: Firmware, sequence: number): MadeDevice {
    const { version, release, root } = readKeySet(this.keysDir);
    const birth = makeBirth({
      board,
      serial,
      model,
      hardwareRev: 2,
      batch: "B2026-47",
      station: "bench-1",
      vendorDomain,
      kmId: this.kmId,
      km: this.km,
      keySet: { version, threshold: release.threshold, releaseKeys: [...release.keys], root },
      agentHost: "127.0.0.1",
      agentPort: this.agentPort,
      wifi: board.radio.kind === "wifi" ? siteWifi : undefined,
      labelHost: "fleet.example.com",
      bornAt: new Date(),
      random: (n) => new Uint8Array(randomBytes(n)),
    });
    const storage = composeStorage(board, {
      identity: encodeIdentity(birth.identity),
      page0Text: firmware.core.page0Text,
      coreText: firmware.core.coreText,
      boot0Text: firmware.core.boot0Text,
      slotA: {
        text: firmware.imageText,
        sequence,
        digest: sha256(firmware.imageText),
        floor: sequence,
        trialMinutes: 60,
      },
      lifecycle: Lifecycle.Released,
    });
    return { serial, board, birth, storage };
  }

  /** Signs a release of one image per board. @returns the body of POST /v1/releases and its envelopes */
  release(input: {
    sequence: number;
    floor: number;
    version: string;
    notes: string;
    images: { board: Board; firmware: Firmware }[];
    interpreter?: readonly [string, string];
  }) {
    const given = {
      keysDir: this.keysDir,
      sequence: input.sequence,
      floor: input.floor,
      version: input.version,
      type: "feature" as const,
      notes: input.notes,
      supportUntil: "2031-12-31",
      endOfLife: "2033-12-31",
      disposal: "Electronic waste, without the cell.",
      interpreter: input.interpreter ?? (["2v29", "2v29"] as const),
      trialMinutes: 60,
      images: input.images.map(({ board, firmware }) => ({
        board: board.id,
        ...productIds(vendorDomain, model, board.id),
        settings: firmware.settings,
        commands: firmware.commands,
        text: new Uint8Array(Buffer.from(firmware.imageText, "latin1")),
      })),
    };
    const signed = signRelease(given);
    return { signed, file: releaseFile(given, signed) as { images: Json[]; sequence: number } };
  }
}

/** Boards with little flash get packed tokens; the rest plain text. */
export function buildFor(board: Board, appFile: string): Promise<Firmware> {
  return buildFirmware(board, appFile, { pretokenise: board.plan.totalPages <= 10 });
}

export function sha256(text: string): Uint8Array {
  return new Uint8Array(createHash("sha256").update(Buffer.from(text, "latin1")).digest());
}
