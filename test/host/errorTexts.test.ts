import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { errorText, errorTexts } from "../../firmware/protocol/errorTexts.ts";

const source = readFileSync(new URL("../../firmware/protocol/errors.ts", import.meta.url), "utf8");
const codes = [...source.matchAll(/^ {2}(\w+) = (\d+),$/gm)].map(([, name, number]) => ({
  name: name!,
  number: Number(number),
}));

describe("texts of error codes", () => {
  test("every code has a text under its own name, and no text is left over", () => {
    expect(codes.length).toBeGreaterThan(60);
    const texts = Object.entries(errorTexts).map(([number, { name }]) => ({
      name,
      number: Number(number),
    }));
    const byNumber = (a: { number: number }, b: { number: number }) => a.number - b.number;
    expect(texts.sort(byNumber)).toEqual(codes.sort(byNumber));
  });

  test("every number and name stands once", () => {
    expect(new Set(codes.map((code) => code.number)).size).toBe(codes.length);
    expect(new Set(codes.map((code) => code.name)).size).toBe(codes.length);
  });

  test("every text and next step is a sentence", () => {
    for (const entry of Object.values(errorTexts)) {
      expect(entry.text).toMatch(/^[A-Z].*\.$/);
      expect(entry.next).toMatch(/^[A-Z].*\.$/);
    }
  });

  test("a number without text says so", () => {
    expect(errorText(999).text).toBe("Code 999 is not known here.");
    expect(errorText(105).name).toBe("ManifestSignature");
  });
});
