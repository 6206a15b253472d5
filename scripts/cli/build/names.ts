import { type NodePath, type PluginObj, types as t, traverse, type Visitor } from "@babel/core";
import { once } from "./cache.ts";
import { BuildError } from "./errors.ts";
import { interpreterNames } from "./interpreterApi.ts";

/** Short names of the framework's properties, by their name in the source. One map per core, frozen
 *  with it:
 *  a runtime built later must speak the names of the core it will call. */
export type Names = Record<string, string>;

/** Names that the framework gives to members of its own although the interpreter has them too: these are shortened. Where
 *  the interpreter's member is meant, the source quotes it, `socket["write"]`, unless the object is a global or a library. */
const ownNames = new Set(
  "erase get hash open random read reboot restart send state timer write".split(" "),
);

/** What the kit calls the global Uint8Array, whose name is long. */
const kitBytes = "Bytes";
const globalBytes = "Uint8Array";

/** How often each property name occurs in some code, and which names it uses as text. */
export interface NameUse {
  properties: Map<string, number>;
  /** short string texts, any of which could be a key: no new short name may equal one */
  quoted: Set<string>;
  /** texts that certainly are keys: `{"x": …}`, `object["x"]` */
  quotedKeys: Set<string>;
  /** uses of the global that the kit offers by a short name */
  bytes: number;
}

export const noNameUse = (): NameUse => ({
  properties: new Map(),
  quoted: new Set(),
  quotedKeys: new Set(),
  bytes: 0,
});

/** Counts the names of lowered code once.
 *  @returns what all of it uses */
export async function namesOf(lowered: { code: string; readonly ast: t.Node }[]): Promise<NameUse> {
  const sum = noNameUse();
  for (const one of lowered) {
    const use = await once("names", one.code, async () => {
      const { properties, quoted, quotedKeys, bytes } = collectNames(one.ast);
      return { properties: [...properties], quoted: [...quoted], keys: [...quotedKeys], bytes };
    });
    for (const [name, count] of use.properties)
      sum.properties.set(name, (sum.properties.get(name) ?? 0) + count);
    for (const text of use.quoted) sum.quoted.add(text);
    for (const text of use.keys) sum.quotedKeys.add(text);
    sum.bytes += use.bytes;
  }
  return sum;
}

type Keyed =
  | t.MemberExpression
  | t.ObjectProperty
  | t.ObjectMethod
  | t.ClassMethod
  | t.ClassProperty;
const keyedTypes = "MemberExpression|ObjectProperty|ObjectMethod|ClassMethod|ClassProperty";

/** Counts property names in lowered code. Members of BOARD are not properties of anything.  Pure.
 */
export function collectNames(ast: t.Node, use: NameUse = noNameUse()): NameUse {
  traverse(ast, {
    Identifier: (path: NodePath<t.Identifier>) => {
      if (isGlobalBytes(path)) use.bytes++;
    },
    [keyedTypes]: (path: NodePath<Keyed>) => {
      const key = plainKey(path);
      if (key) use.properties.set(key.name, (use.properties.get(key.name) ?? 0) + 1);
    },
    StringLiteral: (path: NodePath<t.StringLiteral>) => {
      const { value } = path.node;
      if (value.length > 2) return;
      use.quoted.add(value);
      const { parent } = path;
      const isKey = t.isObjectProperty(parent, { key: path.node });
      if (isKey || t.isMemberExpression(parent, { property: path.node })) use.quotedKeys.add(value);
    },
  } as Visitor);
  return use;
}

/** Gives every framework property a short name, the most used ones the shortest.
 *  @param use names of all the code that is built together
 *  @param reserved names of the app API; names of the interpreter are reserved anyhow
 *  @param frozen names given earlier (a core's); they stay as they are
 *  @throws BuildError BUILD_NAME_CLASH when the code quotes a text that already is a short name as
 *  a key would be */
export function assignNames(use: NameUse, reserved: string[], frozen: Names = {}): Names {
  const met = Object.values(frozen).filter((short) => use.quotedKeys.has(short));
  if (met.length > 0)
    throw new BuildError({
      code: "BUILD_NAME_CLASH",
      found: `quoted keys: expected none of the core's short names, got ${met.join(", ")}`,
      remedy: "Give these keys three letters or more",
    });
  const kept = new Set([...interpreterNames(), ...reserved]);
  const taken = new Set([...kept, ...use.quoted, ...Object.values(frozen)]);
  for (const name of ownNames) if (!reserved.includes(name)) kept.delete(name);
  const names: Names = { ...frozen };
  const bytes = use.properties.get(kitBytes);
  if (bytes) use.properties.set(kitBytes, bytes + use.bytes);
  const wanted = [...use.properties]
    .filter(([name]) => !kept.has(name) && !Object.hasOwn(frozen, name))
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1));
  const next = shortNames();
  for (const [name] of wanted) {
    let short = next();
    while (taken.has(short)) short = next();
    names[name] = short;
  }
  return names;
}

/** Refuses a reserved name that an earlier core has already shortened: both sides would miss each
 *  other. */
export function checkReserved(reserved: string[], frozen: Names): void {
  const clash = reserved.filter((name) => Object.hasOwn(frozen, name));
  if (clash.length === 0) return;
  throw new BuildError({
    code: "BUILD_NAME_CLASH",
    found: `app API: expected names the core leaves alone, got ${clash.join(", ")}, which the core shortens`,
    remedy: "Rename them in the app API, or build a new core with them in appNames.ts",
  });
}

/** Renames properties by a map. Quoted keys, BOARD's members and names outside the map stay. */
export function renameProperties(names: Names): PluginObj {
  const rename = (path: NodePath<Keyed>) => {
    const key = plainKey(path);
    if (!key || !Object.hasOwn(names, key.name)) return;
    const short = t.identifier(names[key.name]!);
    if (t.isMemberExpression(path.node)) path.node.property = short;
    else path.node.key = short;
    if (t.isObjectProperty(path.node)) path.node.shorthand = false;
  };
  return { visitor: { [keyedTypes]: rename } as Visitor };
}

/** What surely is an object of the interpreter's: a global, a member of BOARD, a library. */
function isInterpreters(object: t.Node, scope: NodePath["scope"]): boolean {
  if (t.isMemberExpression(object)) return t.isIdentifier(object.object, { name: "BOARD" });
  if (!t.isIdentifier(object)) return isLibrary(object);
  const binding = scope.getBinding(object.name);
  const declared = binding?.path.node;
  return !binding || (t.isVariableDeclarator(declared) && isLibrary(declared.init));
}

function isLibrary(node: t.Node | null | undefined): boolean {
  return t.isCallExpression(node) && t.isIdentifier(node.callee, { name: "require" });
}

function isGlobalBytes(path: NodePath<t.Identifier>): boolean {
  return path.node.name === globalBytes && path.isReferencedIdentifier();
}

/** Writes the kit's short name for Uint8Array: `.boot0` by a constant, the others by their parameter, where the core has it.
 *  @param shape what the text has become, see wrapModule */
export function shortenBytes(
  shape: "part" | "runtime" | "app" | "program",
  names: Names,
): PluginObj {
  const short = Object.hasOwn(names, kitBytes) ? names[kitBytes] : undefined;
  return {
    visitor: {
      Program(program) {
        const outer = outerFunction(program.node);
        if (!short || !outer) return;
        const kit = outer.params[0];
        const constant = program.scope.generateUidIdentifier(kitBytes);
        if (shape !== "program" && !t.isIdentifier(kit)) return;
        program.traverse({
          Identifier(path) {
            if (!isGlobalBytes(path)) return;
            if (shape === "program") path.replaceWith(constant);
            else
              path.replaceWith(
                t.memberExpression(t.cloneNode(kit as t.Identifier), t.identifier(short)),
              );
            path.skip();
          },
        });
        if (shape === "program")
          (outer.body as t.BlockStatement).body.unshift(
            t.variableDeclaration("const", [
              t.variableDeclarator(constant, t.identifier(globalBytes)),
            ]),
          );
      },
    },
  };
}

/** The function that a wrapped text is, or calls. */
function outerFunction(program: t.Program): t.FunctionExpression | undefined {
  const first = program.body[0];
  const whole = t.isExpressionStatement(first) ? first.expression : undefined;
  const outer = t.isCallExpression(whole) ? whole.callee : whole;
  return t.isFunctionExpression(outer) ? outer : undefined;
}

/** The unquoted key of a member access or definition, if it has one that is not the interpreter's or BOARD's. */
function plainKey({ node, scope }: NodePath<Keyed>): t.Identifier | undefined {
  if (node.computed) return undefined;
  if (t.isMemberExpression(node)) {
    if (isInterpreters(node.object, scope)) return undefined;
    return t.isIdentifier(node.property) ? node.property : undefined;
  }
  if (t.isClassMethod(node) && node.kind === "constructor") return undefined;
  return t.isIdentifier(node.key) ? node.key : undefined;
}

const reservedWords = new Set("do if in of".split(" "));

/** a, b, … Z, aa, ab, … without reserved words. */
export function shortNames(): () => string {
  const first = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  let index = 0;
  const at = (n: number): string =>
    (n < first.length ? "" : at(Math.floor(n / first.length) - 1)) + first[n % first.length];
  return () => {
    let name = at(index++);
    while (reservedWords.has(name)) name = at(index++);
    return name;
  };
}
