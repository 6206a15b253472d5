/** Every board's core, framework and an example app: built, within budget, and whole in its Storage. */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { boards, firstPageOf, slotAddresses } from "../../boards/index.ts";
import { Lifecycle } from "../../firmware/protocol/messages.ts";
import { buildFirmware } from "../../scripts/cli/build/firmware.ts";
import { encodeIdentity } from "../../scripts/cli/factory/identity.ts";
import { composeStorage } from "../../scripts/cli/factory/storageImage.ts";
import { isPacked } from "../../scripts/powercut/material.ts";
import { storageIsValid } from "../../scripts/sim/board/bootCheck.ts";
import { NorFlash } from "../../scripts/sim/flash/norFlash.ts";
import { rulesOf } from "../../scripts/sim/flash/rules.ts";
import { identityInput } from "../factory/support.ts";

const app = fileURLToPath(new URL("../../scripts/examples/sensor.ts", import.meta.url));

it("builds for each board within its budgets, and fills a Storage that the interpreter keeps", async () => {
  for (const board of Object.values(boards)) {
    const firmware = await buildFirmware(board, app, { pretokenise: isPacked(board) });
    const over = firmware.sizes.filter(
      ({ bytes, budgetBytes }) => budgetBytes !== undefined && bytes > budgetBytes,
    );
    expect([board.id, over]).toEqual([board.id, []]);
    const { core, imageText: text, digest } = firmware;
    const slotA = {
      ...{ text, sequence: 1, floor: 1, trialMinutes: 60 },
      digest: new Uint8Array(Buffer.from(digest, "hex")),
    };
    const storage = composeStorage(board, {
      ...{ ...core, slotA, lifecycle: Lifecycle.Released },
      identity: encodeIdentity(identityInput),
    });
    const flash = new NorFlash(rulesOf(board), storage);
    expect([board.id, storageIsValid(flash)]).toEqual([board.id, true]);
    // Each part stands where the table of .boot0 says.
    const texts = core.page0Text + core.coreText;
    const before = -firstPageOf(board.plan) * board.pageBytes;
    const isFixed = board.plan.kind === "fixed";
    for (const { name, address, bytes } of core.parts) {
      const at = before + address;
      const found = Buffer.from(storage.subarray(at, at + bytes)).toString("latin1");
      // Where the image is fixed, next to nothing stands in the place of what would judge and write another one.
      const isPart = isFixed ? bytes >= 5 : bytes > 100;
      expect([board.id, name, texts.includes(found) && isPart]).toEqual([board.id, name, true]);
    }
    const image = before + slotAddresses(board)[0]!;
    const sum = createHash("sha256").update(storage.subarray(image, image + text.length));
    expect([board.id, sum.digest("hex")]).toEqual([board.id, digest]);
  }
}, 600_000);
