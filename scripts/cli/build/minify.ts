import { SourceMap, type SourceMapPayload } from "node:module";
import { minify } from "terser";
import type { Place } from "./errors.ts";
import { shownPath } from "./lower.ts";
import type { Shape } from "./plugins.ts";

/** A finished text and the way back from it to the TypeScript source. */
export interface Minified {
  text: string;
  /** @param line from 1 @param column from 0, both in the text */
  placeOf(line: number, column: number): Place | undefined;
}

/** Minifies a wrapped module to ASCII text. Property names are left alone: names.ts has shortened
 *  them.
 *  @param mangles false keeps the source's names of functions and variables
 *  @throws never for code that Babel printed
 *  Source: measured pipeline; `expression` keeps the value of the only statement */
export async function minifyText(
  code: string,
  map: object,
  shape: Shape,
  mangles = true,
): Promise<Minified> {
  const result = await minify(code, {
    ecma: 2015,
    toplevel: true,
    sourceMap: { content: map as never, asObject: true },
    compress: {
      passes: 3,
      hoist_funs: true,
      pure_getters: true,
      unsafe: true,
      unsafe_arrows: true,
      expression: shape !== "program",
      keep_fargs: false,
      // Would turn each `while` into a `for`, which costs the interpreter a third jump in the text at every turn.
      loops: false,
    },
    mangle: mangles && { toplevel: true },
    format: { ascii_only: true, semicolons: true, comments: false },
  });
  const text = result.code!.replace(/;$/, "");
  const payload = result.map as unknown as SourceMapPayload;
  const sourceMap = new SourceMap(payload);
  return {
    text,
    placeOf(line, column) {
      const entry = sourceMap.findEntry(line - 1, column);
      if (!("originalSource" in entry) || !entry.originalSource) return undefined;
      return {
        file: shownPath(entry.originalSource),
        line: entry.originalLine + 1,
        column: entry.originalColumn + 1,
      };
    },
  };
}
