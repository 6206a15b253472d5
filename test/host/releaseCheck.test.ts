/** A release is signed only when a board that runs it takes the release after it: played on a simulated board. */
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { boardById } from "../../scripts/cli/build/boardFields.ts";
import { writeFirmware } from "../../scripts/cli/build/command.ts";
import { textEnd } from "../../scripts/cli/build/image.ts";
import { createKeys, showKeys } from "../../scripts/cli/keys/store.ts";
import { readBuildFolder } from "../../scripts/cli/release/buildFolder.ts";
import { checkUpdatable } from "../../scripts/cli/release/check/check.ts";
import { register } from "../../scripts/cli/release/command.ts";
import { buildApp, isPacked } from "../../scripts/testkit/factory.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "check-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

async function build(example: string, boardId = "puckjs"): Promise<string> {
  const board = boardById(boardId);
  const file = fileURLToPath(new URL(`../../scripts/examples/${example}.ts`, import.meta.url));
  const dir = join(directory, `${example}-${boardId}`);
  writeFirmware(await buildApp(board, file), dir, isPacked(board));
  return dir;
}

let button: Promise<string> | null = null;
/** A build whose app is replaced by a text that no gate has seen. */
async function folderWith(name: string, start: string) {
  button ??= build("button");
  const folder = readBuildFolder(await button);
  const image = Buffer.from(folder.text).toString("latin1");
  const runtime = image.slice(0, folder.runtimeBytes! + 1);
  const behind = image.slice(image.indexOf(`]${textEnd}`));
  const app = `function(){return{regions:[],metrics:[],start:function(device){${start}}}}`;
  return {
    ...folder,
    dir: folder.dir,
    name,
    text: Buffer.from(`${runtime},${app}${behind}`, "latin1"),
  };
}

describe("an image that leaves its board open to updates", () => {
  it.each(["button", "sensor", "motor"])(
    "is told to be so: the %s example",
    async (example) => {
      const report = await checkUpdatable(readBuildFolder(await build(example)));
      expect(report.seen).toMatch(
        /^ran for \d+ minutes, then took and confirmed the next release in \d+; the app holds about \d+ variables$/,
      );
    },
    600_000,
  );
});

describe("an image that could not be updated afterwards", () => {
  it.each([
    [
      "holds more variables than an update leaves",
      "var a=[];for(var i=0;i<1500;i++)a.push({v:i});setInterval(function(){a[0].v++},1000)",
      /after \d+ minutes the app held about \d{4} variables; .* has room for 1130/,
    ],
    [
      "takes more variables hour by hour",
      "var log='';setInterval(function(){log+=Date.now()+';'},1000)",
      /the app held about \d{4} variables/,
    ],
    [
      "fills all memory at once",
      "var a=[];setTimeout(function(){for(;;)a.push([1,2,3,4,5,6,7,8])},5000)",
      /did not return for 5000 ms|MB of this computer's memory/,
    ],
    [
      "blocks the loop after a while",
      "setTimeout(function(){for(;;);},90000)",
      /its code did not return for 5000 ms .* until the watchdog ended it; that was after [2-9] minutes/,
    ],
    [
      "never lets a check-in out, because it stops all timers",
      "setInterval(function(){clearInterval()},500)",
      /it was not claimed within 10 minutes|it checked in \d+ times, where one a minute was agreed/,
    ],
    [
      "writes over the other slot",
      "setInterval(function(){require('Flash').erasePage(0x6c000+3*4096);require('Flash').write(new Uint8Array(4096),0x6c000+3*4096)},60000)",
      /it wrote pages 3 of its flash, which are slots or core/,
    ],
  ])(
    "is refused, and what was seen is said: one that %s",
    async (name, start, words) => {
      const failed = checkUpdatable(await folderWith(name, start));
      await expect(failed).rejects.toThrow(
        /^RELEASE_CHECK: image for puckjs \(.*\): expected one that takes/,
      );
      await expect(failed).rejects.toThrow(words);
    },
    600_000,
  );
});

describe("fleetling release sign", () => {
  it("signs no such image and takes no leaf; by a person's word and reason it does, and log and file keep both", async () => {
    const keys = join(directory, "keys");
    createKeys({ dir: keys, height: 5 });
    const bad = await folderWith("bad", "throw new Error('no valve')");
    const dir = join(directory, "bad");
    cpSync(bad.dir, dir, { recursive: true });
    const { digest: _, ...report } = JSON.parse(readFileSync(join(dir, "build.json"), "utf8"));
    writeFileSync(join(dir, "build.json"), JSON.stringify(report));
    writeFileSync(join(dir, "image.js"), bad.text);
    const out = join(directory, "release.json");
    const sign = async (...more: string[]) => {
      const program = new Command().exitOverride();
      register(program);
      const words = ["release", "sign", dir, "--model", "m", "--vendor", "example.com"];
      words.push("--sequence", "2", "--name", "1.1", "--type", "fix", "--notes", "x");
      const quiet = ["stdout", "stderr"] as const;
      const spies = quiet.map((one) => vi.spyOn(process[one], "write").mockReturnValue(true));
      try {
        await program.parseAsync([...words, "--keys", keys, "--out", out, ...more], {
          from: "user",
        });
      } finally {
        for (const spy of spies) spy.mockRestore();
      }
    };
    await expect(sign()).rejects.toThrow(/^RELEASE_CHECK: .*--skip-check REASON --person NAME/);
    const used = () => showKeys(keys).ledger.entries.length;
    expect([used(), existsSync(out)]).toEqual([0, false]);
    await expect(sign("--skip-check", " ", "--person", "Ann")).rejects.toThrow(/^RELEASE_INPUT: /);
    await expect(sign("--skip-check", "Bench only.")).rejects.toThrow(/^RELEASE_INPUT: --person/);
    await sign("--skip-check", "Bench only.", "--person", "Ann");
    const unchecked = { person: "Ann", reason: "Bench only." };
    expect(JSON.parse(readFileSync(out, "utf8")).unchecked).toEqual(unchecked);
    const log = JSON.parse(readFileSync(join(keys, "decisions.log"), "utf8"));
    expect(log).toMatchObject({ kind: "checkSkipped", sequence: 2, ...unchecked });
    expect(used()).toBe(1);
  }, 600_000);

  it.each(["page0.js", "core.js", "boot0.js"])(
    "does not sign from a folder without %s",
    async (name) => {
      button ??= build("button");
      const dir = join(directory, `without-${name}`);
      cpSync(await button, dir, { recursive: true });
      rmSync(join(dir, name));
      await expect(checkUpdatable(readBuildFolder(dir))).rejects.toThrow(
        `RELEASE_CHECK: ${join(dir, name)}: expected the core beside the image`,
      );
    },
    600_000,
  );
});
