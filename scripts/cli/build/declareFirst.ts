import { type NodePath, parseSync, types as t, transformFromAstSync, traverse } from "@babel/core";
import { minify } from "terser";

/** Declares every `var` before its first use. The interpreter does not hoist: an assignment that stands before its
 *  `var` writes to a variable of the same name further out, and the minifier puts `var` last when it inlines.
 *  @param text finished code @returns the same code with declarations at the head of their function */
export async function declareFirst(text: string): Promise<string> {
  const ast = parseSync(text, { configFile: false, babelrc: false, sourceType: "script" })!;
  let moved = 0;
  traverse(ast, {
    Scopable(path) {
      if (path.isProgram() || path.isFunction()) moved += declareIn(path);
    },
  });
  if (!moved) return text;
  const code = transformFromAstSync(ast, undefined, {
    configFile: false,
    babelrc: false,
    compact: true,
  })!.code!;
  const tidy = await minify(code, {
    ecma: 2015,
    compress: false,
    mangle: false,
    format: { ascii_only: true, semicolons: true, comments: false },
  });
  return tidy.code!.replace(/;$/, "");
}

type Holder = NodePath<t.Program> | NodePath<t.Function>;

function declareIn(holder: Holder): number {
  const late: string[] = [];
  for (const [name, binding] of Object.entries(holder.scope.bindings)) {
    if (binding.kind !== "var" || !binding.path.isVariableDeclarator()) continue;
    const declaredAt = binding.path.node.start ?? 0;
    // A use inside an inner function runs later, when the variable is there.
    const uses = [...binding.referencePaths, ...binding.constantViolations].filter(
      (use) => use.scope.getFunctionParent() === holder.scope.getFunctionParent(),
    );
    if (!uses.some((use) => (use.node.start ?? 0) < declaredAt)) continue;
    late.push(name);
    // With a value it may stay: a second var of the same name only assigns.
    if (!binding.path.node.init) binding.path.remove();
  }
  if (!late.length) return 0;
  const body = holder.isProgram() ? holder.node.body : bodyOf(holder as NodePath<t.Function>);
  const head = late.map((name) => t.variableDeclarator(t.identifier(name)));
  const first = body[0];
  if (t.isVariableDeclaration(first, { kind: "var" })) first.declarations.unshift(...head);
  else body.unshift(t.variableDeclaration("var", head));
  return late.length;
}

function bodyOf(path: NodePath<t.Function>): t.Statement[] {
  const { body } = path.node;
  if (t.isBlockStatement(body)) return body.body;
  throw new Error("a function without a block cannot hold a var");
}
