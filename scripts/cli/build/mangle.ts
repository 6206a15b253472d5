import { type NodePath, parseSync, types as t, transformFromAstSync, traverse } from "@babel/core";
import { minify } from "terser";
import { shortNames } from "./names.ts";

/** Short names of a text's outermost functions and variables, by their names in the source, in the order in which the
 *  functions stand. Kept with a release and given to the next one, so that a change of one module changes little else. */
export type Locals = Record<string, string>;

const parsing = { configFile: false, babelrc: false, sourceType: "script" } as const;

/** Shortens local names so that they stay the same from release to release: what stands in the outermost function goes
 *  by `kept`, and each inner function counts for itself alone. Puts outer functions in the order of `kept`.
 *  @param text minified code, one function, with the names of the source
 *  @param kept names that the release before had
 *  @returns the same code with short names, and the names it now has */
export async function mangle(
  text: string,
  kept: Locals = {},
): Promise<{ text: string; locals: Locals }> {
  const ast = parseSync(`(${text})`, parsing)!;
  const statement = ast.program.body[0];
  const outer = t.isExpressionStatement(statement) ? statement.expression : null;
  if (!t.isFunction(outer)) throw new Error("a text to be mangled is one function");
  sortFunctions(outer, kept);
  const locals = rename(ast, outer, kept);
  const { code } = transformFromAstSync(ast, undefined, { ...parsing, compact: true })!;
  const tidy = await minify(code!, {
    ecma: 2015,
    compress: false,
    mangle: false,
    format: { ascii_only: true, semicolons: true, comments: false, wrap_iife: false },
  });
  const printed = tidy.code!.replace(/;$/, "");
  // Within an array a function needs no parentheses, at the beginning of a statement it does.
  const isBare = text.startsWith("function") && printed.startsWith("(function");
  return { text: isBare ? printed.slice(1, -1) : printed, locals };
}

/** Functions are declared before they are used, so their order among themselves means nothing. */
function sortFunctions(outer: t.Function, kept: Locals): void {
  const { body } = outer;
  if (!t.isBlockStatement(body)) return;
  const order = Object.keys(kept);
  const place = (node: t.FunctionDeclaration) => {
    const at = order.indexOf(node.id!.name);
    return at < 0 ? order.length : at;
  };
  const functions = body.body.filter((node) => t.isFunctionDeclaration(node));
  const others = body.body.filter((node) => !t.isFunctionDeclaration(node));
  body.body = [...functions.sort((a, b) => place(a) - place(b)), ...others];
}

type Scope = NodePath["scope"];
type Binding = NonNullable<ReturnType<Scope["getBinding"]>>;

/** Where the names of a text are used. */
interface Uses {
  /** scopes from the outside in */
  scopes: Scope[];
  /** every place of a variable that is declared in the text */
  places: [t.Identifier, Binding][];
  /** by scope: variables of scopes around it that it or a scope in it uses */
  around: Map<Scope, Set<Binding>>;
  /** by scope: names in it that nothing in the text declares */
  globals: Map<Scope, Set<string>>;
}

function rename(ast: t.File, outer: t.Function, kept: Locals): Locals {
  const { scopes, places, around, globals } = usesOf(ast);
  const short = new Map<Binding, string>();
  const locals: Locals = {};
  for (const scope of scopes) {
    const isOuter = scope.block === outer;
    const taken = new Set(globals.get(scope));
    for (const binding of around.get(scope) ?? []) taken.add(short.get(binding)!);
    const bindings = Object.entries(scope.bindings);
    for (const [name, binding] of isOuter ? bindings : []) {
      const before = kept[name];
      if (before === undefined || taken.has(before)) continue;
      short.set(binding, before);
      taken.add(before);
    }
    const next = shortNames();
    const free = () => {
      let name = next();
      while (taken.has(name)) name = next();
      return name;
    };
    for (const [name, binding] of bindings) {
      if (!short.has(binding)) short.set(binding, free());
      if (isOuter) locals[name] = short.get(binding)!;
    }
  }
  for (const [node, binding] of places) node.name = short.get(binding)!;
  return locals;
}

function usesOf(ast: t.File): Uses {
  const uses: Uses = { scopes: [], places: [], around: new Map(), globals: new Map() };
  const add = <T>(map: Map<Scope, Set<T>>, scope: Scope, value: T) => {
    const set = map.get(scope) ?? new Set<T>();
    map.set(scope, set.add(value));
  };
  traverse(ast, {
    Scopable(path) {
      if (path.scope.block === path.node) uses.scopes.push(path.scope);
    },
    Identifier(path) {
      const { node, parent } = path;
      const grand = path.parentPath?.parent;
      if (!t.isReferenced(node, parent, grand) && !t.isBinding(node, parent, grand)) return;
      if (t.isObjectProperty(parent)) parent.shorthand = false;
      // A function's own name stands in the scope around it.
      const isOwnName = t.isFunctionDeclaration(parent, { id: node });
      let scope: Scope | undefined = isOwnName ? path.parentPath!.scope.parent : path.scope;
      const binding = scope.getBinding(node.name);
      if (binding) uses.places.push([node, binding]);
      for (; scope && scope !== binding?.scope; scope = scope.parent) {
        if (binding) add(uses.around, scope, binding);
        else add(uses.globals, scope, node.name);
      }
    },
  });
  return uses;
}
