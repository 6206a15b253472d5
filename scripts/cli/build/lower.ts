/// <reference path="./babelPlugins.d.ts" />
import { isAbsolute, relative, resolve } from "node:path";
import { parseSync, type types as t, transformAsync, transformFromAstAsync } from "@babel/core";
import blockScoping from "@babel/plugin-transform-block-scoping";
import computedProperties from "@babel/plugin-transform-computed-properties";
import destructuring from "@babel/plugin-transform-destructuring";
import exponentiation from "@babel/plugin-transform-exponentiation-operator";
import logicalAssignment from "@babel/plugin-transform-logical-assignment-operators";
import objectRestSpread from "@babel/plugin-transform-object-rest-spread";
import optionalChaining from "@babel/plugin-transform-optional-chaining";
import parameters from "@babel/plugin-transform-parameters";
import spread from "@babel/plugin-transform-spread";
import { type BuildFailure, build } from "esbuild";
import { once } from "./cache.ts";
import { BuildError } from "./errors.ts";
import { hoistFunctions, requireStandIn, restoreRequire, unnameClasses } from "./plugins.ts";

/** A module after bundling and lowering: still a module, in the language the interpreter has. */
export interface Lowered {
  file: string;
  code: string;
  /** of `code`, read when it is asked for */
  readonly ast: t.File;
  map: object;
  /** files that went into it, relative to the working directory */
  inputs: string[];
}

const loose = { loose: true, useBuiltIns: true };

/** Bundles one TypeScript entry and lowers what the interpreter lacks.
 *  Arrows, classes, templates, `??` stay: they run and are shorter.
 *  @param alias import names that stand for files, by name
 *  @throws BuildError BUILD_SYNTAX with file, line and column of the first error
 *  Source: measured pipeline; every step alone breaks code on the interpreter when left out */
export async function lower(entry: string, alias: Record<string, string> = {}): Promise<Lowered> {
  const file = shownPath(entry);
  const bundle = await bundleEntry(entry, alias);
  const inputs = [file, bundle.code, bundle.map];
  const { code, map } = await once("lower", inputs, () => lowerBundle(file, entry, bundle));
  let ast: t.File | undefined;
  return {
    file,
    code,
    map,
    inputs: bundle.inputs,
    get ast() {
      ast ??= parseSync(code, { configFile: false, babelrc: false, sourceType: "module" })!;
      return ast;
    },
  };
}

async function lowerBundle(file: string, entry: string, bundle: { code: string; map: object }) {
  const result = await transformAsync(bundle.code, {
    plugins: [
      restoreRequire,
      optionalChaining,
      logicalAssignment,
      exponentiation,
      [objectRestSpread, loose],
      [destructuring, loose],
      [parameters, { loose: true }],
      [spread, { loose: true }],
      [computedProperties, { loose: true }],
      blockScoping,
      hoistFunctions,
      unnameClasses,
    ],
    assumptions: {
      iterableIsArray: true,
      arrayLikeIsIterable: true,
      setSpreadProperties: true,
      objectRestNoSymbols: true,
      ignoreFunctionLength: true,
      noDocumentAll: true,
      pureGetters: true,
      setComputedProperties: true,
    },
    configFile: false,
    babelrc: false,
    sourceType: "module",
    filename: entry,
    inputSourceMap: bundle.map as never,
    sourceMaps: true,
    comments: true,
    compact: false,
  });
  if (!result?.code || !result.map) throw new Error(`${file}: lowering gave nothing`);
  return { code: result.code, map: result.map as object };
}

/** Runs plugins over lowered code, keeping the way back to the source. */
export async function transformLowered(
  lowered: Lowered,
  plugins: object[],
): Promise<{ code: string; map: object }> {
  let code = lowered.code;
  let map = lowered.map;
  // One pass per plugin: each sees the finished work of the one before.
  for (const plugin of plugins) {
    const ast = parseSync(code, { configFile: false, babelrc: false, sourceType: "module" });
    const result = await transformFromAstAsync(ast!, code, {
      plugins: [() => plugin],
      configFile: false,
      babelrc: false,
      sourceType: "module",
      filename: lowered.file,
      inputSourceMap: map as never,
      sourceMaps: true,
      compact: false,
    });
    if (!result?.code || !result.map)
      throw new Error(`${lowered.file}: transformation gave nothing`);
    code = result.code;
    map = result.map;
  }
  return { code, map };
}

async function bundleEntry(entry: string, alias: Record<string, string>) {
  try {
    const result = await build({
      entryPoints: [resolve(entry)],
      bundle: true,
      write: false,
      format: "esm",
      platform: "neutral",
      target: "es2021",
      charset: "utf8",
      legalComments: "none",
      sourcemap: "external",
      outfile: "out.js",
      absWorkingDir: process.cwd(),
      define: { require: requireStandIn },
      alias,
      // Async functions stay so that the gate names them; lowering would hide them behind
      // generators.
      supported: { "class-field": false, "class-static-field": false },
      tsconfigRaw: { compilerOptions: { useDefineForClassFields: false } },
      metafile: true,
      logLevel: "silent",
    });
    const code = result.outputFiles.find((output) => output.path.endsWith(".js"))!.text;
    const map = JSON.parse(result.outputFiles.find((o) => o.path.endsWith(".map"))!.text);
    return { code, map, inputs: Object.keys(result.metafile.inputs) };
  } catch (error) {
    const first = (error as BuildFailure).errors?.[0];
    if (!first) throw error;
    const place = first.location;
    throw new BuildError(
      {
        code: "BUILD_SYNTAX",
        place: {
          file: place?.file ?? shownPath(entry),
          line: place?.line,
          column: place ? place.column + 1 : undefined,
        },
        found: `expected a TypeScript module, got: ${first.text}`,
        remedy: "Correct the source and build again",
      },
      error,
    );
  }
}

/** A path as people expect it: relative to the working directory when inside it. */
export function shownPath(path: string): string {
  const shown = relative(process.cwd(), resolve(path));
  return shown.startsWith("..") || isAbsolute(shown) ? path : shown;
}
