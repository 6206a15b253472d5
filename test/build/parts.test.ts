import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { expect, test, vi } from "vitest";
import { unshrink } from "../../firmware/protocol/host/heatshrink.ts";
import {
  boardById,
  buildApp,
  buildCore,
  buildFramework,
  composeImage,
  detokenise,
} from "../../scripts/cli/build/index.ts";
import { sourceTree } from "./support.ts";

// Minifying takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 });

const puck = boardById("puckjs");
const sources = {
  "cold.ts":
    "export default (k: any) => [k.numberOfTheKit, k.numberOfTheKit, k.numberOfTheKit, k.numberOfTheKit];",
  "warm.ts": "export default (k: any) => k.numberOfTheKit + 1;",
  "boot0.ts":
    'declare const BOARD: any; declare const global: any; (() => { global["table"] = BOARD.parts; global["kit"] = { numberOfTheKit: 4 }; })();',
  "runtime.ts": `declare const BOARD: any;
export default (k: any, app: any) => {
  const part = (n: number) => (0, eval)(k.image.slice(-BOARD.slotParts[n], -BOARD.slotParts[n + 1]))(k);
  return [part(0).sumOfBoth(2), part(1), app().regions];
};`,
  "rare.ts": "export default (k: any) => ({ sumOfBoth: (n: number) => k.numberOfTheKit + n });",
  "rarer.ts": 'export default (k: any) => "w" + k.numberOfTheKit;',
  "app.ts": "export const regions = [];\nexport function start() {}",
};

test("a cold part is stored packed and unpacks to the text that would stand there", async () => {
  const dir = sourceTree(sources);
  const part = (name: string, id: number, cold: boolean) => ({
    id,
    name,
    file: join(dir, `${name}.ts`),
    cold,
  });
  const core = { boot0File: join(dir, "boot0.ts") };
  const packed = await buildCore(puck, {
    ...core,
    parts: [part("cold", 0, true), part("warm", 1, false)],
  });
  const plain = await buildCore(puck, {
    ...core,
    parts: [part("cold", 0, false), part("warm", 1, false)],
  });
  // biome-ignore lint/suspicious/noExplicitAny: a global object holds anything
  const world: any = {};
  world.global = world;
  runInNewContext(packed.boot0Text, world);
  const [coldAt, coldBytes, warmAt, warmBytes] = world.table;
  expect([packed.parts[0]!.cold, packed.parts[1]!.cold]).toEqual([true, false]);
  expect(coldBytes).toBe(-packed.parts[0]!.bytes);
  expect(-coldBytes).toBeLessThan(plain.parts[0]!.bytes);
  const stored = packed.page0Text.slice(coldAt - 0x240, coldAt - 0x240 - coldBytes);
  const text = Buffer.from(unshrink(Buffer.from(stored, "latin1"))).toString("latin1");
  const plainText = plain.page0Text.slice(plain.parts[0]!.address - 0x240);
  expect(text).toBe(plainText.slice(0, plain.parts[0]!.bytes));
  const warm = packed.page0Text.slice(warmAt - 0x240, warmAt - 0x240 + warmBytes);
  expect(runInNewContext(warm)(world.kit)).toBe(5);
});

test.each([false, true])(
  "slot parts run in place from behind the image's expression, pretokenised: %s",
  async (pretokenise) => {
    const dir = sourceTree(sources);
    const options = { pretokenise };
    const slotParts = ["rare", "rarer"].map((name, id) => ({
      id,
      name,
      file: join(dir, `${name}.ts`),
    }));
    const runtimeFile = join(dir, "runtime.ts");
    const names = { numberOfTheKit: "nn", image: "im" };
    const built = await buildFramework(puck, { runtimeFile, slotParts }, names, options);
    const app = await buildApp(puck, join(dir, "app.ts"), options);
    const image = composeImage(
      built.runtimeText,
      app,
      built.parts.map(({ text }) => text).join(""),
    );
    expect(image.endsWith(`\0${built.parts[0]!.text}${built.parts[1]!.text}\0`)).toBe(true);
    const world = { eval: (text: string) => runInNewContext(detokenise(text)) };
    const [run, makeApp] = runInNewContext(detokenise(image), world);
    expect(run({ nn: 5, im: image }, makeApp)).toEqual([7, "w5", []]);
  },
);

test("a cold slot part is stored packed and unpacks to the text that would stand there", async () => {
  const dir = sourceTree(sources);
  const build = (cold: boolean) => {
    const slotParts = [{ id: 0, name: "cold", file: join(dir, "cold.ts"), cold }];
    return buildFramework(puck, { runtimeFile: join(dir, "rare.ts"), slotParts }, {});
  };
  const [packed, plain] = [(await build(true)).parts[0]!, (await build(false)).parts[0]!];
  expect(packed.text.length).toBeLessThan(plain.text.length);
  expect(Buffer.from(unshrink(Buffer.from(packed.text, "latin1"))).toString()).toBe(plain.text);
});

test("an image ends for the interpreter before its slot parts, which may be any bytes", () => {
  const image = composeImage("r", "a", "x\0*/\xff");
  expect(image).toBe("[r,a]\0x\0*/\xff\0");
  expect(detokenise(image)).toBe("[r,a]");
  expect(composeImage("r", "a", "")).toBe("[r,a]");
});
