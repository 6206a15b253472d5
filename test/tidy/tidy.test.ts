/** House rules that no linter knows. */
import { describe, expect, it } from "vitest";
import { boards } from "../../boards/index.ts";
import { errorKinds } from "../../cloud-agent/core/errors.ts";
import { errorTexts } from "../../firmware/protocol/errorTexts.ts";
import { enumMembers, finds, read, type SourceFile, sourceFiles } from "./files.ts";

const all = sourceFiles("firmware", "cloud-agent", "boards", "scripts", "test");
const below =
  (...folders: string[]) =>
  (file: SourceFile) =>
    folders.some((folder) => file.path.startsWith(folder));
const linesMax = 400;

describe("a source file", () => {
  it(`has at most ${linesMax} lines`, () => {
    const long = all.filter(({ text }) => text.split("\n").length - 1 > linesMax);
    expect(long.map(({ path }) => path)).toEqual([]);
  });
  it("holds no note to do something later", () => {
    const note = new RegExp(
      `\\b(${["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK"].join("|")})\\b`,
    );
    expect(all.filter(({ text }) => note.test(text)).map(({ path }) => path)).toEqual([]);
  });
  it("is imported, or named by what starts it", () => {
    const shipped = all.filter(below("firmware/", "cloud-agent/", "scripts/"));
    const starters = [...all.map(({ text }) => text), read("package.json")];
    const parts = [...enumMembers("firmware/core/parts.ts", "Part").keys()];
    const isPart = (path: string) =>
      parts.some((part) =>
        path.toLowerCase().startsWith(`firmware/core/parts/${part.toLowerCase()}`),
      );
    const isNamed = ({ path, text }: SourceFile) => {
      const name = path
        .split("/")
        .at(-1)!
        .replace(/\.\w+$/, "");
      const mention = new RegExp(`[/"'\`]${name}(\\.m?[jt]s)?["'\`]|/${name}\\.m?[jt]s\\b`);
      return starters.some((other) => other !== text && mention.test(other));
    };
    // Apps of stories are named by version.
    const isLoose = (path: string) => /\.d\.ts$|\/apps\//.test(path);
    const dead = shipped.filter((file) => {
      return !isLoose(file.path) && !isPart(file.path) && !isNamed(file);
    });
    expect(dead.map(({ path }) => path)).toEqual([]);
  });
});

describe("a banned call", () => {
  const host = below("firmware/hal/", "firmware/protocol/host/");
  const device = all.filter((file) => below("firmware/")(file) && !host(file));
  const agent = all.filter(below("cloud-agent/"));
  const inner = agent.filter(
    (file) => !below("cloud-agent/platform/", "cloud-agent/main.ts")(file),
  );
  const cases: [string, SourceFile[], RegExp][] = [
    ["Date.now on the device", device, /\bDate\.now\b/],
    ["setTimeout on the device", device, /\bset(Timeout|Interval)\b/],
    ["Math.random on the device", device, /\bMath\.random\b/],
    ["process.env on the device", device, /\bprocess\.env\b/],
    ["console on the device", device, /\bconsole\s*[.[]/],
    ["Math.random in the agent", agent, /\bMath\.random\b/],
    ["Date.now in the agent outside platform", inner, /\bDate\.now\b/],
    ["a timer in the agent outside platform", inner, /\bset(Timeout|Interval|Immediate)\b/],
    ["process.env in the agent outside platform and main", inner, /\bprocess\.env\b/],
    ["console in the agent", agent, /\bconsole\s*[.[]/],
  ];
  it.each(cases)("%s stands nowhere", (_, files, pattern) => {
    expect(files.length).toBeGreaterThan(10);
    expect(finds(files, pattern)).toEqual([]);
  });
  it("would be found", () => {
    const planted = {
      path: "x.ts",
      text: "// Date.now()\nlet a = 1; // Date.now()\nDate.now();\n",
    };
    expect(finds([planted], /\bDate\.now\b/)).toEqual(["x.ts:3"]);
  });
});

describe("an error code", () => {
  it("of the device has a text, and one of the agent has a kind under its name", () => {
    const codes = enumMembers("firmware/protocol/errors.ts", "Code");
    expect(codes.size).toBeGreaterThan(60);
    for (const [name, code] of codes) {
      expect((errorTexts as Record<number, { name: string }>)[code]?.name).toBe(name);
    }
    const agentCodes = enumMembers("cloud-agent/core/errors.ts", "AgentCode");
    expect(agentCodes.size).toBeGreaterThan(15);
    for (const [name, code] of agentCodes) expect(errorKinds[code]?.name).toBe(name);
  });
  it("is the same name on both sides", () => {
    const codes = enumMembers("firmware/protocol/errors.ts", "Code");
    for (const [code, { name }] of Object.entries(errorKinds)) {
      if (Number(code) < 600) expect(codes.get(name)).toBe(Number(code));
    }
  });
});

describe("a board file", () => {
  const ownNames = ["id", "name", "chip", "sources", "probe"];
  it.each(Object.values(boards))("$id names the source of every field", (board) => {
    const values = Object.entries(board).filter(([name, value]) => {
      const isEmpty = typeof value === "object" && Object.keys(value).length === 0;
      return !ownNames.includes(name) && !isEmpty;
    });
    const sourced = Object.keys(board.sources);
    expect(values.map(([name]) => name).filter((name) => !sourced.includes(name))).toEqual([]);
    for (const name of sourced) expect(board).toHaveProperty(name);
    for (const source of Object.values(board.sources)) expect(source.length).toBeGreaterThan(10);
  });
  it.each(Object.entries(boards))("%s is listed under its own id", (id, board) => {
    expect(board.id).toBe(id);
  });
});
