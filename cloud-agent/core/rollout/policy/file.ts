/** A rollout policy as a YAML file, kept in git beside the product: the API's names without their unit, durations with one.
 *  Whatever is wrong is told with its line and column, all of it at once. */
import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type ParsedNode,
  parseDocument,
  type YAMLMap,
} from "yaml";
import { AgentCode, AgentError } from "../../errors.ts";
import { unknownKeyWords } from "../../nearest.ts";
import { policyFileCharsMax } from "../limits.ts";
import { policyProblems } from "../policy.ts";
import { readDuration } from "./duration.ts";
import { fileKey, instantKeys, type JsonSchema, policyFileSchema } from "./fileSchema.ts";

interface Problem {
  /** where in the text, from 0 */
  at: number;
  text: string;
}

interface Reading {
  problems: Problem[];
  /** path in the API's JSON, joined by "/" → where its key stands, or its item in a list */
  places: Map<string, number>;
}

const givenElsewhere: Record<string, string> = {
  sequence: "the release is named on the command line, with --release",
  author: "the author is whoever starts it, by the own token",
  emergencyReason: "the emergency lane is taken on the command line, with --emergency",
  approver: "the approver is whoever approves it, by the own token",
};

/** Reads a policy file. Pure.
 *  @param fileName for the messages
 *  @returns the body of POST /v1/rollouts, without `sequence`
 *  @throws AgentError PolicyFileInvalid with a line "FILE:LINE:COLUMN: what is wrong" for each problem */
export function readPolicyFile(text: string, fileName: string): Record<string, unknown> {
  const lines = new LineCounter();
  const fail = (problems: Problem[]): never => {
    const told = [...problems]
      .sort((left, right) => left.at - right.at)
      .map((problem) => {
        const { line, col } = lines.linePos(problem.at);
        return `${fileName}:${line}:${col}: ${problem.text}`;
      });
    throw new AgentError(AgentCode.PolicyFileInvalid, told.join("\n"));
  };
  if (text.length > policyFileCharsMax) {
    const found = `expected at most ${policyFileCharsMax} characters, got ${text.length}`;
    throw new AgentError(AgentCode.PolicyFileInvalid, `${fileName}: ${found}`);
  }
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    fail(document.errors.map(({ pos, message }) => ({ at: pos[0], text: message })));
  }
  const reading: Reading = { problems: [], places: new Map() };
  const root = document.contents;
  if (root === null) fail([{ at: 0, text: "expected a policy, the file is empty" }]);
  const value = read(root as ParsedNode, policyFileSchema(), "", "", reading);
  if (reading.problems.length > 0) fail(reading.problems);
  const policy = value as Record<string, unknown>;
  // Release and persons come later; any will do for the check.
  const complete = { ...policy, sequence: 1, author: "the author" };
  const problems = policyProblems(complete).map(({ path, text: what }) => ({
    at: placeOf(path, reading.places),
    text: `${inFileWords(path)}: ${what}`,
  }));
  if (problems.length > 0) fail(problems);
  return policy;
}

function read(
  node: Node,
  schema: JsonSchema,
  key: string,
  path: string,
  reading: Reading,
): unknown {
  const at = node.range?.[0] ?? 0;
  const wrong = (text: string) => {
    reading.problems.push({ at, text: `${fileKey(key) || "policy"}: ${text}` });
    return undefined;
  };
  if (isAlias(node)) return wrong("expected the value itself, got a reference to another place");
  if (key.endsWith("Ms")) return readTime(node, key, wrong);
  if (isMap(node)) {
    if (schema.properties || typeof schema.additionalProperties === "object") {
      return readMap(node as YAMLMap<Node, Node | null>, schema, path, reading);
    }
    return wrong(`expected ${schema.type ?? "another value"}, got a map`);
  }
  if (isSeq(node)) {
    const { items } = schema;
    if (!items) return wrong(`expected ${schema.type ?? "another value"}, got a list`);
    return (node.items as Node[]).map((item, index) => {
      reading.places.set(`${path}/${index}`, item.range?.[0] ?? at);
      return read(item, items, "", `${path}/${index}`, reading);
    });
  }
  if (schema.properties) return wrong(`expected a map of ${Object.keys(schema.properties)}`);
  return isScalar(node) ? node.value : wrong("expected a value");
}

function readMap(
  map: YAMLMap<Node, Node | null>,
  schema: JsonSchema,
  path: string,
  reading: Reading,
): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  const names = new Map(apiKeys(schema));
  for (const { key: keyNode, value } of map.items) {
    const at = keyNode.range?.[0] ?? 0;
    const name = isScalar(keyNode) ? String(keyNode.value) : "";
    const apiKey = names.get(name);
    const inner = apiKey === undefined ? schema.additionalProperties : schema.properties?.[name];
    if (typeof inner !== "object") {
      const elsewhere = path === "" ? givenElsewhere[name] : undefined;
      const text = elsewhere
        ? `${name}: not in a policy file; ${elsewhere}`
        : `${name}: ${unknownKeyWords(name, [...names.keys()])}`;
      reading.problems.push({ at, text });
      continue;
    }
    const key = apiKey ?? name;
    if (value === null) {
      reading.problems.push({ at, text: `${name}: expected a value, got nothing` });
      continue;
    }
    const innerPath = path === "" ? key : `${path}/${key}`;
    reading.places.set(innerPath, at);
    made[key] = read(value, inner, key, innerPath, reading);
  }
  return made;
}

/** Names in the file and in the API's JSON. A name with a pattern or format of time had its unit taken off. */
function apiKeys(schema: JsonSchema): [string, string][] {
  return Object.entries(schema.properties ?? {}).map(([name, field]) => {
    const text = field.anyOf?.[0] ?? field;
    const isInstant = instantKeys.includes(`${name}Ms`);
    const isTime = isInstant || (text.type === "string" && text.pattern !== undefined);
    return [name, isTime ? `${name}Ms` : name];
  });
}

function readTime(node: Node, key: string, wrong: (text: string) => undefined): unknown {
  const value = isScalar(node) ? node.value : undefined;
  if (value === null) return null;
  const isInstant = instantKeys.includes(key);
  const found = isScalar(node) ? JSON.stringify(node.value) : "no text";
  if (isInstant) {
    const ms = typeof value === "string" ? Date.parse(value) : Number.NaN;
    // Without an offset it would be the time of whoever reads the file.
    const hasOffset = typeof value === "string" && /(Z|[+-]\d\d:\d\d)$/.test(value);
    if (Number.isFinite(ms) && hasOffset) return ms;
    return wrong(`expected a time like 2026-12-24T18:00:00Z, got ${found}`);
  }
  const ms = typeof value === "string" ? readDuration(value) : null;
  if (ms !== null) return ms;
  return wrong(`expected a duration with its unit, like 48h or 30m, got ${found}`);
}

/** The place of a path, or of the nearest part of it that stands in the file. */
function placeOf(path: readonly (string | number)[], places: Map<string, number>): number {
  for (let length = path.length; length > 0; length--) {
    const place = places.get(path.slice(0, length).join("/"));
    if (place !== undefined) return place;
  }
  return 0;
}

function inFileWords(path: readonly (string | number)[]): string {
  const words = path.map((part) => (typeof part === "number" ? `[${part}]` : `.${fileKey(part)}`));
  return words.join("").replace(/^\./, "") || "policy";
}
