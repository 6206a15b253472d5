import { type NodePath, types as t } from "@babel/core";

/** A function that can be dissolved, and the statement that goes away with it. */
export interface Main {
  path: NodePath<t.Function>;
  statement: t.Statement;
}

/** The module's default function, when it is a plain function that nothing else calls. */
export function defaultMain(program: NodePath<t.Program>, name: string): Main | undefined {
  // The export has been taken out already, so any reference left is a call by the module itself.
  program.scope.crawl();
  if (program.scope.getBinding(name)?.references) return undefined;
  for (const statement of program.get("body")) {
    if (statement.isFunctionDeclaration() && statement.node.id?.name === name)
      return { path: statement, statement: statement.node };
    if (!statement.isVariableDeclaration() || statement.node.declarations.length !== 1) continue;
    const [declarator] = statement.get("declarations") as NodePath<t.VariableDeclarator>[];
    const init = declarator!.get("init") as NodePath<t.Node>;
    if (t.isIdentifier(declarator!.node.id, { name }) && init.isFunction())
      return { path: init, statement: statement.node };
  }
  return undefined;
}

/** The closing `(() => {…})()` of a program. */
export function programMain(program: NodePath<t.Program>): Main | undefined {
  const last = program.get("body").at(-1);
  if (!last?.isExpressionStatement()) return undefined;
  const call = last.get("expression");
  if (!call.isCallExpression() || call.node.arguments.length > 0) return undefined;
  const callee = call.get("callee") as NodePath<t.Node>;
  if (!callee.isFunction() || callee.node.params.length > 0) return undefined;
  return { path: callee, statement: last.node };
}

/** Dissolves a function in the body of its module: one function and one scope less on the device.
 *  @returns the function's parameters; undefined when it cannot be dissolved */
export function mergeMain(
  program: NodePath<t.Program>,
  main: Main | undefined,
): t.Identifier[] | undefined {
  if (!main || !isPlain(main.path)) return undefined;
  const { node, scope } = main.path;
  // Its locals must not meet the module's.
  for (const local of Object.keys(scope.bindings))
    scope.rename(local, program.scope.generateUid(local));
  const own = t.isBlockStatement(node.body) ? node.body.body : [t.returnStatement(node.body)];
  const all = [...program.node.body.filter((other) => other !== main.statement), ...own];
  const isFunction = (other: t.Statement) => t.isFunctionDeclaration(other);
  program.node.body = [...all.filter(isFunction), ...all.filter((other) => !isFunction(other))];
  return node.params as t.Identifier[];
}

/** Not async, named parameters only, and free of `this` and `arguments` of its own. */
function isPlain(path: NodePath<t.Function>): boolean {
  const { node } = path;
  if (node.async || node.generator || !node.params.every((param) => t.isIdentifier(param)))
    return false;
  let usesCaller = false;
  path.traverse({
    Function: (inner) => {
      if (!inner.isArrowFunctionExpression()) inner.skip();
    },
    ThisExpression: () => {
      usesCaller = true;
    },
    Identifier: (id) => {
      usesCaller ||= id.node.name === "arguments";
    },
  });
  return !usesCaller;
}
