import { expect, test } from "vitest";
import { declareFirst } from "../../scripts/cli/build/declareFirst.ts";

test("a variable that is assigned before its var is declared at the head of its function", async () => {
  const text = "var f=function(c){return[(l=c(1),c=2,l),c];var l};";
  expect(await declareFirst(text)).toBe("var f=function(c){var l;return[(l=c(1),c=2,l),c]}");
});

test("a var with a value stays where it is, declared ahead when something uses it first", async () => {
  const text = "function f(){a();return b;function a(){}}function g(){x=1;var x=2;return x}";
  expect(await declareFirst(text)).toContain("function g(){var x;x=1;var x=2;return x}");
});

test("a use inside an inner function does not count: it runs when the variable is there", async () => {
  const text = "var f=function(){var a=function(){return b},b=3;return a()};";
  expect(await declareFirst(text)).toBe(text);
});
