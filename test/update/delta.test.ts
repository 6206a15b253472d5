import { describe, expect, it } from "vitest";
import { deltaRows } from "../../scripts/bench/deltaRows.ts";
import { mangle } from "../../scripts/cli/build/mangle.ts";

describe("an update of the project's own releases", () => {
  it("takes at most 15 % of the image as a patch, in payload and in all messages", async () => {
    const rows = await deltaRows(["puckjs"]);
    const changes = rows.filter(({ change }) => change !== "nothing");
    expect(changes.length).toBe(3);
    for (const row of changes) {
      expect(row.delta / row.image).toBeLessThan(0.15);
      expect(row.deltaOnWire / row.fullOnWire).toBeLessThan(0.15);
      expect(row.packed).toBeLessThan(row.image);
    }
    // An image that did not change is one copy of three bytes for each 4,096.
    const [same] = rows.filter(({ change }) => change === "nothing");
    expect(same!.delta).toBe(3 * Math.ceil(same!.image / 4096));
  }, 240_000);
});

describe("local names", () => {
  const before =
    "function(kit,app){function alpha(x,y){return x+beta(y)}function beta(n){return n*2}let count=0;setInterval(()=>{count++;alpha(count,app)},5)}";
  it("are short, and free of globals and of outer names that are in use", async () => {
    const { text, locals } = await mangle(before);
    expect(text).toBe(
      "function(a,b){function c(a,b){return a+d(b)}function d(a){return a*2}let e=0;setInterval(()=>{e++;c(e,b)},5)}",
    );
    expect(locals).toEqual({ kit: "a", app: "b", alpha: "c", beta: "d", count: "e" });
    const { text: global } = await mangle("function(first){return a+first}");
    expect(global).toBe("function(b){return a+b}");
  });
  it("stay with their functions in their places when another release adds, moves and drops some", async () => {
    const { locals } = await mangle(before);
    const after =
      "function(kit,app){function beta(n){return n*2}function fresh(){return 7}function alpha(x,y){return x+beta(y)}setInterval(()=>{alpha(fresh(),app)},5)}";
    const { text } = await mangle(after, locals);
    expect(text).toBe(
      "function(a,b){function c(a,b){return a+d(b)}function d(a){return a*2}function e(){return 7}setInterval(()=>{c(e(),b)},5)}",
    );
  });
  it("give way to a global that the release before did not use", async () => {
    const { text } = await mangle("function(kit,app){return a+kit+app}", { kit: "a", app: "b" });
    expect(text).toBe("function(c,b){return a+c+b}");
  });
  it("keep object keys, and tell a shorthand from its variable", async () => {
    const { text } = await mangle("function(value){return{value,other:value}}");
    expect(text).toBe("function(a){return{value:a,other:a}}");
  });
});
