/** The JSON Schema of policy files, made from the schema of the API's JSON: names lose their unit, values gain it. What
 *  the agent knows better than a file (release, author, approver) is not part of it. */
import { z } from "zod";
import { durationPattern, durationText } from "./duration.ts";
import { policySchema } from "./schema.ts";

/** The part of JSON Schema that zod writes and `readPolicyFile` walks. */
export interface JsonSchema {
  type?: string;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  items?: JsonSchema;
  anyOf?: JsonSchema[];
  additionalProperties?: boolean | JsonSchema;
  default?: unknown;
  description?: string;
  [other: string]: unknown;
}

/** Named on the command line or by the token, so never in the file. */
const notInFiles = ["sequence", "author", "approver", "emergencyReason"];
/** A point in time, where every other name with "Ms" is a duration. */
export const instantKeys = ["deadlineMs"];

/** The name a field of the API's JSON has in a file. Pure. */
export function fileKey(key: string): string {
  return key.replace(/Ms$/, "");
}

/** Makes the published schema. Pure. */
export function policyFileSchema(): JsonSchema {
  const { $schema, ...api } = z.toJSONSchema(policySchema, { io: "input" }) as JsonSchema;
  const file = inFile(api);
  for (const key of notInFiles) delete file.properties![key];
  const required = file.required!.filter((key) => !notInFiles.includes(key));
  return {
    $schema,
    title: "Fleetling rollout policy",
    description: "Durations carry their unit: 48h, 30m, 1d12h.",
    ...file,
    required,
  };
}

function inFile(schema: JsonSchema): JsonSchema {
  const made: JsonSchema = { ...schema };
  if (schema.properties) {
    made.properties = {};
    for (const [key, value] of Object.entries(schema.properties)) {
      made.properties[fileKey(key)] = key.endsWith("Ms") ? timeField(key, value) : inFile(value);
    }
  }
  if (schema.required) made.required = schema.required.map(fileKey);
  if (schema.items) made.items = inFile(schema.items);
  if (schema.anyOf) made.anyOf = schema.anyOf.map(inFile);
  if (typeof schema.additionalProperties === "object") {
    made.additionalProperties = inFile(schema.additionalProperties);
  }
  if ("default" in schema) made.default = defaultInFile(schema.default);
  return made;
}

function timeField(key: string, { description, default: value, anyOf }: JsonSchema): JsonSchema {
  const text: JsonSchema = instantKeys.includes(key)
    ? { type: "string", format: "date-time" }
    : { type: "string", pattern: durationPattern };
  const made: JsonSchema = anyOf ? { anyOf: [text, { type: "null" }] } : text;
  if (description !== undefined) made.description = description;
  if (value !== undefined) made.default = typeof value === "number" ? durationText(value) : value;
  return made;
}

function defaultInFile(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(defaultInFile);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      fileKey(key),
      key.endsWith("Ms") && typeof inner === "number" ? durationText(inner) : defaultInFile(inner),
    ]),
  );
}
