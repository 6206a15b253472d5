import { fieldOf } from "./fields.ts";
import { parseFilter } from "./parse.ts";
import type { ColumnFilter, Expr, Operator, Subject, Value } from "./types.ts";

/** Tells whether a device matches. Pure.
 *  @param reports "known": as the device tells them now. "unknown": what a device reports is left open, because it may
 *  have changed since somebody looked
 *  @returns null when it depends on what was left open */
export function evaluate(
  expr: Expr,
  device: Subject,
  nowMs: number,
  reports: "known" | "unknown" = "known",
): boolean | null {
  switch (expr.kind) {
    case "test":
      return test(expr, device, nowMs, reports);
    case "not": {
      const inner = evaluate(expr.part, device, nowMs, reports);
      return inner === null ? null : !inner;
    }
    case "and":
    case "or": {
      const decides = expr.kind === "or";
      let isOpen = false;
      for (const part of expr.parts) {
        const found = evaluate(part, device, nowMs, reports);
        if (found === decides) return decides;
        isOpen ||= found === null;
      }
      return isOpen ? null : !decides;
    }
  }
}

/** Expressions that were read lately, because a rollout asks the same one of every device at every step. */
const read = new Map<string, Expr>();
const readMax = 200;

/** Tells whether a device matches a text that was checked before. @throws AgentError FilterInvalid */
export function matchesText(
  text: string,
  device: Subject,
  nowMs: number,
  reports: "known" | "unknown" = "known",
): boolean | null {
  let expr = read.get(text);
  if (expr === undefined) {
    expr = parseFilter(text);
    if (read.size >= readMax) read.delete(read.keys().next().value!);
    read.set(text, expr);
  }
  return evaluate(expr, device, nowMs, reports);
}

/** What an index can find of it: conditions that every match fulfils. Pure. */
export function columnsOf(expr: Expr): ColumnFilter {
  const parts = expr.kind === "and" ? expr.parts : [expr];
  const found: ColumnFilter = {};
  for (const part of parts) {
    if (part.kind !== "test" || part.operator !== "=") continue;
    const field = fieldOf(part.field)?.field;
    if (!field?.column || found[field.column] !== undefined) continue;
    if (part.values.some((value) => value === null || hasStar(value))) continue;
    const plain = part.values as Value[];
    const toColumn = field.toColumn ?? ((value: Value) => unstarred(value) as string | number);
    found[field.column] = plain.map(toColumn);
  }
  return found;
}

function test(
  { field: name, operator, values }: Extract<Expr, { kind: "test" }>,
  device: Subject,
  nowMs: number,
  reports: "known" | "unknown",
): boolean | null {
  const field = fieldOf(name)?.field;
  if (field === undefined) return false;
  if (field.isReported && reports === "unknown") return null;
  const found = field.read(device, nowMs);
  const isOne = values.some((value) => {
    if (value === null) return found.length === 0;
    return found.some((own) => compares(own, operator === "!=" ? "=" : operator, value));
  });
  return operator === "!=" ? !isOne : isOne;
}

function compares(own: Value, operator: Operator, value: Value): boolean {
  if (operator === "=") {
    if (hasStar(value)) return String(own).startsWith(value.slice(0, -1));
    return own === unstarred(value);
  }
  if (typeof own !== "number" || typeof value !== "number") return false;
  if (operator === "<") return own < value;
  if (operator === "<=") return own <= value;
  return operator === ">" ? own > value : own >= value;
}

function hasStar(value: Value): value is string {
  return typeof value === "string" && value.endsWith("*") && !value.endsWith("\\*");
}

function unstarred(value: Value): Value {
  return typeof value === "string" && value.endsWith("\\*") ? `${value.slice(0, -2)}*` : value;
}
