import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { boards } from "../../boards/index.ts";
import { encodeCloudMessage } from "../../firmware/protocol/host/cloudMessages.ts";
import { type Image, PayloadCoder } from "../../firmware/protocol/host/coding.ts";
import { encodeDeviceMessage } from "../../firmware/protocol/host/deviceMessages.ts";
import { sha256 } from "../../firmware/protocol/host/kdf.ts";
import { boardFields } from "../cli/build/boardFields.ts";
import type { PartSource } from "../cli/build/core.ts";
import { buildFirmware, type Firmware } from "../cli/build/firmware.ts";

/** One update between two releases on one board. All in bytes. */
export interface DeltaRow {
  board: string;
  change: string;
  image: number;
  /** payload bytes inside BLOCKs */
  packed: number;
  delta: number;
  /** FETCH and BLOCK frames as they leave, sealed; without the carrier's own */
  fullOnWire: number;
  packedOnWire: number;
  deltaOnWire: number;
}

/** What a sealed frame adds to its message. Source: SPEC.md §4.1 */
const frameBytes = 1 + 4 + 4 + 16;
const sequence = 11;

const app = (name: string) => fileURLToPath(new URL(`../demo/apps/${name}.ts`, import.meta.url));

/** Builds the project's own releases, each with the names of the one before, and counts what an update takes. */
export async function deltaRows(boardIds: string[]): Promise<DeltaRow[]> {
  const rows: DeltaRow[] = [];
  for (const id of boardIds) {
    const board = boards[id]!;
    // As the factory does for boards with little flash.
    const pretokenise = board.plan.totalPages <= 10;
    const build = (name: string, kept?: Firmware["kept"], change?: (part: PartSource) => string) =>
      buildFirmware(board, app(name), {
        ...{ pretokenise, kept, slotPart: change },
        // A change only made to be counted must not need room.
        overBudget: "allow",
      });
    const first = await build("v10");
    const second = await build("v11", first.kept);
    const third = await build("v12", second.kept);
    const framework = await withChangedPart("vitals", (change) => build("v11", first.kept, change));
    const block = Number(boardFields(board).blockBytes);
    const count = (change: string, from: Firmware, to: Firmware) =>
      rows.push({ board: id, change, ...bytesOf(from, to, block) });
    count("app v10 to v11", first, second);
    count("app v11 to v12", second, third);
    count("framework, one module", second, framework);
    count("nothing", second, second);
  }
  return rows;
}

/** A framework whose part `name` does one thing more. */
async function withChangedPart<T>(
  name: string,
  work: (change: (part: PartSource) => string) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), "fleetling-delta-"));
  try {
    return await work((part) => {
      if (part.name !== name) return part.file;
      const file = join(dir, `${name}.ts`);
      const from = JSON.stringify(part.file);
      writeFileSync(file, changedPart.replace("FROM", from));
      return file;
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const changedPart = `import part from FROM;
export default (k) => {
  const report = part(k);
  return (gathered, client, note) => {
    const told = report(gathered, client, note);
    told[0][12] = gathered[0][4] ? gathered[0][4][2] : 0;
    if (client.failed > 3) told[0][13] = client.failed * 60;
    return told;
  };
};
`;

function bytesOf(from: Firmware, to: Firmware, block: number) {
  const source = imageOf(from);
  const target = imageOf(to);
  const none = download(null, target, block, "plain");
  const packed = download(null, target, block, "coded");
  const delta = download(source, target, block, "coded");
  return {
    image: target.bytes.length,
    packed: packed.data,
    delta: delta.data,
    fullOnWire: none.wire,
    packedOnWire: packed.wire,
    deltaOnWire: delta.wire,
  };
}

function imageOf({ imageText }: Firmware): Image {
  const bytes = new Uint8Array(Buffer.from(imageText, "latin1"));
  return { bytes, digest: Buffer.from(sha256(bytes)).toString("hex") };
}

/** Plays the download of a whole image against the agent's choice. */
function download(source: Image | null, target: Image, block: number, how: "plain" | "coded") {
  const coder = new PayloadCoder();
  const totalBytes = target.bytes.length;
  let offset = 0;
  let data = 0;
  let wire = 0;
  while (offset < totalBytes) {
    const length = Math.min(block, totalBytes - offset);
    const plain = { what: 1, data: target.bytes.slice(offset, offset + length), gives: length };
    const coded = how === "plain" ? plain : coder.next(target, source, offset, length);
    const what = how === "plain" ? 1 : 2;
    const fetch = encodeDeviceMessage({ kind: "fetch", what, sequence, offset, length });
    const answer = { kind: "block", what: coded.what as 1, sequence, offset, totalBytes } as const;
    wire += fetch.length + encodeCloudMessage({ ...answer, data: coded.data }).length;
    wire += 2 * frameBytes;
    data += coded.data.length;
    offset += coded.gives;
  }
  return { data, wire };
}
