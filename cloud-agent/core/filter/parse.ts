/** Reads a filter as people write it: `board in (puckjs, esp32) and release < 12 and not tag = hot`. */
import { AgentCode, AgentError } from "../errors.ts";
import { nearest } from "../nearest.ts";
import { readDuration } from "../rollout/policy/duration.ts";
import { type Field, fieldNames, fieldOf } from "./fields.ts";
import { depthMax, testsMax, valuesMax, whereCharsMax } from "./limits.ts";
import type { Expr, Operator, Value } from "./types.ts";

interface Token {
  kind: "word" | "text" | "operator" | "bracket" | "comma" | "end";
  text: string;
  /** from 1 */
  column: number;
}

const operators = ["=", "!=", "<", "<=", ">", ">="];
const shape = /\s*(?:("(?:[^"\\]|\\.)*")|(!=|<=|>=|=|<|>)|([()])|(,)|([^\s"()=<>!,]+))/y;

/** Reads an expression. Pure.
 *  @throws AgentError FilterInvalid with the column, what was expected, and the nearest known word */
export function parseFilter(text: string): Expr {
  if (text.length > whereCharsMax) {
    refuse(1, `expected at most ${whereCharsMax} characters, got ${text.length}`);
  }
  const reader = new Reader(tokensOf(text));
  const expr = reader.either(0);
  const { kind, text: found, column } = reader.peek();
  if (kind !== "end") refuse(column, `expected "and", "or" or the end, got "${found}"`);
  return expr;
}

class Reader {
  readonly #tokens: Token[];
  #at = 0;
  #tests = 0;

  constructor(tokens: Token[]) {
    this.#tokens = tokens;
  }

  peek(): Token {
    return this.#tokens[this.#at]!;
  }

  either(depth: number): Expr {
    return this.#joined("or", depth, () => this.#joined("and", depth, () => this.#single(depth)));
  }

  #joined(word: "and" | "or", depth: number, next: () => Expr): Expr {
    if (depth > depthMax) {
      refuse(this.peek().column, `expected at most ${depthMax} brackets inside each other`);
    }
    const parts = [next()];
    while (this.#takeWord(word)) parts.push(next());
    return parts.length === 1 ? parts[0]! : { kind: word, parts };
  }

  #single(depth: number): Expr {
    if (this.#takeWord("not")) {
      if (depth >= depthMax) refuse(this.peek().column, `expected at most ${depthMax} times "not"`);
      return { kind: "not", part: this.#single(depth + 1) };
    }
    if (this.#take("bracket", "(")) {
      const inner = this.either(depth + 1);
      this.#need("bracket", ")");
      return inner;
    }
    return this.#test();
  }

  #test(): Expr {
    const name = this.#next();
    if (name.kind !== "word") refuse(name.column, `expected a field, got ${told(name)}`);
    const found = fieldOf(name.text);
    if (found === null) {
      const near = nearest(name.text, fieldNames);
      const hint = near === null ? `known: ${fieldNames.join(", ")}` : `did you mean "${near}"?`;
      refuse(name.column, `unknown field "${name.text}"; ${hint}`);
    }
    if (++this.#tests > testsMax) refuse(name.column, `expected at most ${testsMax} comparisons`);
    const { field, name: known } = found;
    const negated = this.#takeWord("not");
    const isList = this.#takeWord("in");
    if (negated && !isList) refuse(this.peek().column, `expected "in", got ${told(this.peek())}`);
    if (isList) {
      const values = this.#list(known, field);
      const operator = negated ? "!=" : "=";
      return { kind: "test", field: known, operator, values };
    }
    const operator = this.#next();
    if (operator.kind !== "operator" || !operators.includes(operator.text)) {
      refuse(operator.column, `expected one of ${operators.join(" ")} in, got ${told(operator)}`);
    }
    const isOrder = operator.text !== "=" && operator.text !== "!=";
    if (isOrder && (field.type === "text" || field.type === "yesNo")) {
      refuse(operator.column, `${known}: expected = or !=, its values have no order`);
    }
    const values = [this.#value(known, field, isOrder)];
    return { kind: "test", field: known, operator: operator.text as Operator, values };
  }

  #list(name: string, field: Field): (Value | null)[] {
    const begin = this.#need("bracket", "(");
    const values: (Value | null)[] = [];
    do values.push(this.#value(name, field, false));
    while (this.#take("comma", ","));
    this.#need("bracket", ")");
    if (values.length > valuesMax) {
      refuse(begin.column, `${name}: expected at most ${valuesMax} values, got ${values.length}`);
    }
    return values;
  }

  #value(name: string, field: Field, isOrder: boolean): Value | null {
    const token = this.#next();
    const wrong = (expected: string) =>
      refuse(token.column, `${name}: expected ${expected}, got ${told(token)}`);
    if (token.kind !== "word" && token.kind !== "text") return wrong("a value");
    if (token.kind === "word" && token.text === "none" && !isOrder) return null;
    const { text } = token;
    switch (field.type) {
      case "number":
        return /^-?\d{1,15}(\.\d{1,6})?$/.test(text) ? Number(text) : wrong("a number");
      case "span":
        return readDuration(text) ?? wrong("a time with its unit, like 3d or 12h");
      case "yesNo":
        if (text === "yes" || text === "no") return text === "yes";
        return wrong("yes or no");
      case "any":
        return anyValue(token);
      case "text":
        return textValue(token, field, name);
    }
  }

  #next(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#at++;
    return token;
  }

  #take(kind: Token["kind"], text: string): boolean {
    const token = this.peek();
    if (token.kind !== kind || token.text !== text) return false;
    this.#at++;
    return true;
  }

  #takeWord(word: string): boolean {
    const token = this.peek();
    if (token.kind !== "word" || token.text.toLowerCase() !== word) return false;
    this.#at++;
    return true;
  }

  #need(kind: Token["kind"], text: string): Token {
    const token = this.peek();
    if (this.#take(kind, text)) return token;
    return refuse(token.column, `expected "${text}", got ${told(token)}`);
  }
}

/** A word that ends with a star stands for all that begin so: kept as it is, a quoted one has its star escaped. */
function textValue(token: Token, { words }: Field, name: string): string {
  const { text, kind, column } = token;
  if (words !== undefined && !words.includes(text)) {
    const near = nearest(text, words);
    const hint = near === null ? "" : `; did you mean "${near}"?`;
    refuse(column, `${name}: expected one of ${words.join(", ")}, got "${text}"${hint}`);
  }
  return kind === "text" && text.endsWith("*") ? `${text.slice(0, -1)}\\*` : text;
}

function anyValue({ text, kind }: Token): Value {
  if (kind === "text") return text;
  if (/^-?\d{1,15}(\.\d{1,6})?$/.test(text)) return Number(text);
  if (text === "yes" || text === "true") return true;
  return text === "no" || text === "false" ? false : text;
}

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  shape.lastIndex = 0;
  while (shape.lastIndex < end) {
    const from = shape.lastIndex;
    const match = shape.exec(text);
    if (match === null) {
      const at = from + (/\S/.exec(text.slice(from))?.index ?? 0);
      const finding = text[at] === '"' ? "a quote that does not end" : `"${text[at]}"`;
      refuse(at + 1, `expected a field, a value or a bracket, got ${finding}`);
    }
    const [whole, quoted, operator, bracket, comma, word] = match;
    const column = from + whole.length - whole.trimStart().length + 1;
    const token = (kind: Token["kind"], value: string) =>
      tokens.push({ kind, text: value, column });
    if (quoted !== undefined) token("text", quoted.slice(1, -1).replace(/\\(.)/g, "$1"));
    else if (operator !== undefined) token("operator", operator);
    else if (bracket !== undefined) token("bracket", bracket);
    else if (comma !== undefined) token("comma", comma);
    else token("word", word!);
  }
  tokens.push({ kind: "end", text: "", column: end + 1 });
  return tokens;
}

function told({ kind, text }: Token): string {
  return kind === "end" ? "the end" : `"${text}"`;
}

function refuse(column: number, finding: string): never {
  throw new AgentError(AgentCode.FilterInvalid, `filter, column ${column}: ${finding}`);
}
