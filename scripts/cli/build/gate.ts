import { readFileSync } from "node:fs";
import { type NodePath, parseSync, types as t, traverse } from "@babel/core";
import { once } from "./cache.ts";
import { BuildError, type Finding, type Place } from "./errors.ts";
import { apiComplaint, globalComplaint } from "./gateApi.ts";
import { type Complaint, finalChecks, sourceChecks } from "./gateSyntax.ts";
import { shownPath } from "./lower.ts";
import type { Minified } from "./minify.ts";

/** Whose code it is: the framework may do what an app may not. */
export type Role = "framework" | "app";

/** Refuses sources that the interpreter cannot run or that would endanger the device.
 *  @param files TypeScript files that go into one text
 *  @throws BuildError with every finding, at its line and column in the source
 *  Source: measured language table of the interpreter; design §1 */
export async function gateSources(files: string[], role: Role): Promise<void> {
  const findings: Finding[] = [];
  for (const file of files) {
    if (!/\.[cm]?[jt]s$/.test(file)) continue;
    const text = readFileSync(file, "utf8");
    const found = await once("gate", [file, shownPath(file), text, role], async () =>
      inspectSource(file, text, role),
    );
    findings.push(...found);
  }
  if (findings.length > 0) throw new BuildError(findings);
}

function inspectSource(file: string, text: string, role: Role): Finding[] {
  const ast = parseSync(text, {
    configFile: false,
    babelrc: false,
    sourceType: "module",
    filename: file,
    parserOpts: { plugins: /ts$/.test(file) ? ["typescript"] : [] },
  });
  const at = (line: number, column: number) => ({
    file: shownPath(file),
    line,
    column: column + 1,
  });
  return inspect(ast!, role, "source", at);
}

/** Proves a finished text: every construct and every name is one that the interpreter has.
 *  @throws BuildError with every finding, at its place in the source where the map knows it */
export function gateText(minified: Minified, role: Role, name: string): void {
  const ast = parseSync(minified.text, {
    configFile: false,
    babelrc: false,
    sourceType: "script",
    filename: name,
  });
  const at = (line: number, column: number) =>
    minified.placeOf(line, column) ?? { file: name, line };
  const findings = inspect(ast!, role, "final", at);
  if (/[^\x20-\x7e\n]/.test(minified.text))
    findings.push({
      code: "BUILD_LANGUAGE",
      place: { file: name },
      found: "text: expected ASCII, got other bytes",
      remedy: "Write such characters as escapes",
    });
  if (findings.length > 0) throw new BuildError(findings);
}

type Stage = "source" | "final";

function inspect(
  ast: t.Node,
  role: Role,
  stage: Stage,
  at: (line: number, column: number) => Place,
): Finding[] {
  const findings: Finding[] = [];
  const checks = stage === "source" ? sourceChecks : finalChecks;
  const add = (code: Finding["code"], node: t.Node, complaint: Complaint) => {
    if (!complaint) return;
    const start = node.loc?.start;
    const place = start ? at(start.line, start.column) : undefined;
    findings.push({ code, place, found: `${role}: ${complaint[0]}`, remedy: complaint[1] });
  };
  const defined = definedNames(ast);
  const enums = new Set<string>();
  t.traverseFast(ast, (node) => {
    if (t.isTSEnumDeclaration(node)) enums.add(node.id.name);
  });
  traverse(ast, {
    enter(path: NodePath) {
      const { node } = path;
      if (isTypeOnly(node)) return path.skip();
      add("BUILD_LANGUAGE", node, checks[node.type]?.(node as never));
      if (stage === "source" && role === "framework" && isObjectRest(path))
        add("BUILD_LANGUAGE", node, [
          "rest of an object",
          "Name the properties: the build shortens names, and the rest is found by name",
        ]);
      const api = apiComplaint(path, role, stage === "source" ? defined : undefined);
      if (api) add(api[2] ? "BUILD_BANNED" : "BUILD_API", node, [api[0], api[1]]);
      const global = globalComplaint(path, role, enums);
      if (global) add(global[2] ? "BUILD_BANNED" : "BUILD_API", node, [global[0], global[1]]);
      return undefined;
    },
  });
  return findings;
}

/** Types vanish: what they name need not exist on the device. */
function isTypeOnly(node: t.Node): boolean {
  if (t.isImportDeclaration(node) || t.isExportAllDeclaration(node)) return true;
  if ((node as { declare?: boolean }).declare) return true;
  if (t.isTSEnumDeclaration(node)) return true;
  const keeps = /^TS(?:As|Satisfies|NonNull|TypeAssertion|Instantiation|ParameterProperty)/;
  return node.type.startsWith("TS") && !keeps.test(node.type);
}

function isObjectRest(path: NodePath): boolean {
  return path.isRestElement() && path.parentPath.isObjectPattern();
}

/** Names that the code itself defines as members: `at` may be its own method. */
function definedNames(ast: t.Node): Set<string> {
  const names = new Set<string>();
  t.traverseFast(ast, (node) => {
    if (t.isObjectMember(node) || t.isClassMethod(node) || t.isClassProperty(node))
      if (t.isIdentifier(node.key)) names.add(node.key.name);
    if (t.isAssignmentExpression(node) && t.isMemberExpression(node.left))
      if (t.isIdentifier(node.left.property)) names.add(node.left.property.name);
    if (t.isTSPropertySignature(node) || t.isTSMethodSignature(node))
      if (t.isIdentifier(node.key)) names.add(node.key.name);
  });
  return names;
}
