/** Token bytes of the interpreter's lexer. Their order is frozen there: tools rely on it.
 *  Source: interpreter 2v29 src/jslex.h, LEX_TYPES. */

const operators =
  "== === != !== <= << <<= >= >> >>> >>= >>>= += -= ++ -- *= /= %= &= && |= || ^= =>".split(" ");
const words = (
  "if else do while for break continue function return var let const this throw try catch finally " +
  "true false null undefined new in instanceof switch case default delete typeof void debugger " +
  "class extends super static of"
).split(" ");

const firstToken = 138;
/** A string as 0xD1, length, bytes. */
export const rawString8 = 0xd1;
/** A string as 0xD2, low byte and high byte of its length, bytes. */
export const rawString16 = 0xd2;

/** Token byte of each operator and reserved word. */
export const tokenBytes = new Map<string, number>([
  ...[...operators, ...words].map((text, index): [string, number] => [text, firstToken + index]),
  ["??", 208],
]);
/** The way back. */
export const tokenTexts = new Map([...tokenBytes].map(([text, byte]) => [byte, text]));

export type Kind = "word" | "number" | "string" | "template" | "regex" | "sign";

/** One lexical piece. `text` is the source for people; a string also has its value, a character per
 *  byte. */
export interface Token {
  kind: Kind;
  text: string;
  value?: string;
}

const values = new Set(["true", "false", "null", "undefined"]);
const signsBeforeRegex = new Set("! % & * + - / < = > ? [ { } ( , ; :".split(" "));

/** Whether a `/` after this token opens a regular expression, by the interpreter's own rule. */
function opensRegex(last: Token | undefined): boolean {
  if (!last) return true;
  if (last.kind === "sign") return signsBeforeRegex.has(last.text) || tokenBytes.has(last.text);
  return last.kind === "word" && tokenBytes.has(last.text) && !values.has(last.text);
}

/** Splits code into tokens, plain or pretokenised, as the interpreter's lexer does.
 *  @param code one character per byte
 *  @throws Error with the offset for a byte that starts no token */
export function scan(code: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < code.length) {
    const start = at;
    const char = code[at]!;
    const byte = code.charCodeAt(at);
    const add = (kind: Kind, end: number, value?: string) => {
      tokens.push({ kind, text: code.slice(start, end), value });
      at = end;
    };
    // Not \s: that holds 0xA0 too, which is the token ||.
    if (/[\t-\r ]/.test(char)) at++;
    // The end for the interpreter too: behind it an image has its slot parts, which are no code here.
    else if (char === "\0") break;
    else if (/[A-Za-z_$]/.test(char)) add("word", endOf(/[\w$]+/y, code, at));
    else if (/\d/.test(char) || /^\.\d/.test(code.slice(at, at + 2)))
      add("number", endOf(/0[xXbBoO][\da-fA-F_]+|[\d_]*\.?[\d_]*(?:[eE][-+]?\d+)?/y, code, at));
    else if (char === '"' || char === "'") {
      const end = endOf(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/y, code, at);
      add("string", end, unescapeText(code.slice(at + 1, end - 1)));
    } else if (char === "`") add("template", endOfTemplate(code, at));
    else if (byte === rawString8 || byte === rawString16) {
      const head = byte === rawString8 ? 2 : 3;
      const high = head === 3 ? code.charCodeAt(at + 2) << 8 : 0;
      const length = code.charCodeAt(at + 1) | high;
      add("string", at + head + length, code.slice(at + head, at + head + length));
    } else if (tokenTexts.has(byte)) {
      const text = tokenTexts.get(byte)!;
      tokens.push({ kind: /^[a-z]/.test(text) ? "word" : "sign", text });
      at++;
    } else if (char === "/" && opensRegex(tokens.at(-1)))
      add("regex", endOf(/\/(?:[^/\\]|\\.)+\/[gimyu]*/y, code, at));
    else add("sign", at + signLength(code, at));
  }
  return tokens;
}

function endOf(pattern: RegExp, code: string, at: number): number {
  pattern.lastIndex = at;
  const match = pattern.exec(code);
  if (!match)
    throw new Error(`code: expected a token at byte ${at}, got ${JSON.stringify(code[at])}`);
  return at + match[0].length;
}

/** Longest operator at this place, or 1. */
function signLength(code: string, at: number): number {
  const byte = code.charCodeAt(at);
  if (byte > 0x7e || byte < 0x21)
    throw new Error(`code: expected a token at byte ${at}, got 0x${byte.toString(16)}`);
  for (let length = 4; length > 1; length--)
    if (tokenBytes.has(code.slice(at, at + length))) return length;
  return 1;
}

/** End of a template literal; templates nest inside `${}`. */
function endOfTemplate(code: string, at: number): number {
  let depth = 0;
  for (let i = at + 1; i < code.length; i++) {
    if (depth === 0 && code[i] === "\\") i++;
    else if (code[i] === "{" && (depth > 0 || code[i - 1] === "$")) depth++;
    else if (code[i] === "}" && depth > 0) depth--;
    else if (code[i] === "`" && depth === 0) return i + 1;
  }
  throw new Error(`code: expected the end of the template at byte ${at}, got none`);
}

const simpleEscapes: Record<string, string> = {
  n: "\n",
  b: "\b",
  f: "\f",
  r: "\r",
  t: "\t",
  v: "\v",
};

function unescapeText(text: string): string {
  return text.replace(/\\(?:x(..)|u(....)|([0-7]{1,3})|([\s\S]))/g, (_, x, u, octal, char) => {
    if (x ?? u) return String.fromCharCode(Number.parseInt(x ?? u, 16));
    if (octal) return String.fromCharCode(Number.parseInt(octal, 8));
    return simpleEscapes[char] ?? char;
  });
}
