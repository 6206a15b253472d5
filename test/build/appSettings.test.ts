import { describe, expect, it } from "vitest";
import { boardById, readApp } from "../../scripts/cli/build/index.ts";
import { sourceTree } from "./support.ts";

const read = async (declaration: string) => {
  const text = `export const regions = [];\nexport function start() {}\n${declaration}\n`;
  const dir = sourceTree({ "app.ts": text });
  return (await readApp(boardById("puckjs"), `${dir}/app.ts`)).settings;
};

describe("an app's declared settings", () => {
  it("are read from the literal, and are none where none are declared", async () => {
    const spec = `{ step: { type: "number", min: -5, max: 60, default: 5, choices: [-5, 5] },
      lamp: { type: "boolean", default: true }, name: { type: "string", max: 8, default: "" } }`;
    expect(await read(`export const settings = ${spec} as const;`)).toEqual({
      step: { type: "number", min: -5, max: 60, default: 5, choices: [-5, 5] },
      lamp: { type: "boolean", default: true },
      name: { type: "string", max: 8, default: "" },
    });
    expect(await read("")).toEqual({});
  });

  it.each([
    ["made()", "a literal object"],
    ['{ step: { type: "float", default: 1 } }', "setting step: type: expected"],
    ['{ step: { type: "number", default: 0, min: 1 } }', "setting step: default and choices"],
    ['{ step: { type: "number", default: 1.5 } }', "setting step: default and choices"],
    ['{ step: { type: "number", default: 1, unit: "s" } }', "got unit"],
    ['{ name: { type: "string", default: "", max: 49 } }', "max: expected 0..48"],
    ['{ name: { type: "string", default: "", choices: [] } }', "choices: expected at least one"],
    ['{ "9 lives": { type: "boolean", default: true } }', 'setting "9 lives"'],
    ['{ lamp: { type: "boolean" } }', "setting lamp: default"],
  ])("%s are refused", async (spec, words) => {
    const made = "const made = () => ({});\n";
    await expect(read(`${made}export const settings = ${spec};`)).rejects.toMatchObject({
      code: "BUILD_SETTINGS",
      message: expect.stringContaining(words),
    });
  });
});
