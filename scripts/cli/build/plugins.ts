import { type NodePath, type PluginObj, types as t, template } from "@babel/core";
import type { BoardFields } from "./boardFields.ts";
import { BuildError } from "./errors.ts";
import { defaultMain, mergeMain, programMain } from "./mergeMain.ts";

/** Stand-in for `require` while esbuild bundles, which would otherwise resolve or wrap the call. */
export const requireStandIn = "espruinoRequire";

/** Puts function declarations first in every block: the interpreter defines a function when it
 *  reaches it. */
export function hoistFunctions(): PluginObj {
  const isFunction = (node: t.Statement) => t.isFunctionDeclaration(node);
  const sort = (path: NodePath<t.Program> | NodePath<t.BlockStatement>) => {
    const { body } = path.node;
    path.node.body = [...body.filter(isFunction), ...body.filter((node) => !isFunction(node))];
  };
  return {
    visitor: {
      Program: {
        exit(path) {
          sort(path);
          path.traverse({ BlockStatement: sort });
        },
      },
    },
  };
}

/** Turns `var A = class B {}` into `var A = class {}`: the interpreter does not bind the inner
 *  name. */
export function unnameClasses(): PluginObj {
  return {
    visitor: {
      VariableDeclarator(path) {
        const init = path.get("init") as NodePath;
        if (!init.isClassExpression() || !init.node.id || !t.isIdentifier(path.node.id)) return;
        init.scope.rename(init.node.id.name, path.node.id.name);
        init.node.id = null;
      },
    },
  };
}

/** Gives `require` its name back after bundling. */
export function restoreRequire(): PluginObj {
  return {
    visitor: {
      Identifier(path) {
        if (path.node.name === requireStandIn) path.node.name = "require";
      },
    },
  };
}

/** Replaces `BOARD.name` by the board's literal or expression.
 *  @throws BuildError BUILD_BOARD_FIELD for a name the board has no value for, and for BOARD by
 *  itself */
export function insertBoard(fields: BoardFields, file: string): PluginObj {
  const fail = (node: t.Node, found: string) =>
    new BuildError({
      code: "BUILD_BOARD_FIELD",
      place: { file, line: node.loc?.start.line },
      found: `BOARD: expected one of ${Object.keys(fields).join(", ")}, got ${found}`,
      remedy:
        "Use a field that boardFields.ts computes, or add it there; parts is known to .boot0 only, slotParts to the runtime",
    });
  return {
    visitor: {
      MemberExpression(path) {
        const { object, property, computed } = path.node;
        if (!t.isIdentifier(object, { name: "BOARD" }) || path.scope.hasBinding("BOARD")) return;
        if (computed || !t.isIdentifier(property)) throw fail(path.node, "a computed name");
        const text = fields[property.name];
        if (text === undefined) throw fail(path.node, `"${property.name}"`);
        path.replaceWith(template.expression.ast(text));
        path.skip();
      },
      Identifier(path) {
        if (path.node.name !== "BOARD" || !path.isReferencedIdentifier()) return;
        if (path.parentPath.isMemberExpression({ object: path.node })) return;
        if (!path.scope.hasBinding("BOARD")) throw fail(path.node, "BOARD by itself");
      },
    },
  };
}

/** What a module becomes: a part `(function(k){…})`, a runtime with two parameters, an app that
 *  returns its
 *  exports, or a program that runs by itself. */
export type Shape = "part" | "runtime" | "app" | "program";

/** Wraps a bundled module so that its text is one expression (or, for `.boot0`, one closed
 *  program).
 *  @throws BuildError BUILD_SHAPE when the module lacks its default export */
export function wrapModule(shape: Shape, file: string): PluginObj {
  return {
    visitor: {
      Program: {
        exit(path) {
          const exports = takeExports(path);
          let params: t.Identifier[] = [];
          if (shape === "app") {
            const pairs = exports.map(([name, local]) =>
              t.objectProperty(t.identifier(name), local),
            );
            path.node.body.push(t.returnStatement(t.objectExpression(pairs)));
          } else if (shape === "program") mergeMain(path, programMain(path));
          else {
            const main = exports.find(([name]) => name === "default")?.[1];
            if (!main) throw new BuildError(noDefault(shape, file));
            params = mergeMain(path, defaultMain(path, main.name)) ?? callMain(path, main, shape);
          }
          const wrapper = t.functionExpression(null, params, t.blockStatement(path.node.body));
          const closed = shape === "program" ? t.callExpression(wrapper, []) : wrapper;
          path.node.body = [t.expressionStatement(closed)];
          path.node.sourceType = "script";
        },
      },
    },
  };
}

/** For a default export that is not a plain function: the wrapper calls it. */
function callMain(program: NodePath<t.Program>, main: t.Identifier, shape: Shape): t.Identifier[] {
  const params: t.Identifier[] = [];
  const count = shape === "runtime" ? 2 : 1;
  for (let i = 0; i < count; i++) params.push(program.scope.generateUidIdentifier("kit"));
  program.node.body.push(t.returnStatement(t.callExpression(main, params)));
  return params;
}

function noDefault(shape: Shape, file: string) {
  return {
    code: "BUILD_SHAPE" as const,
    place: { file },
    found: `${shape}: expected a default-exported function, got none`,
    remedy: `Write "export default function (${shape === "runtime" ? "k, app" : "k"}) {…}"`,
  };
}

/** Names and local expressions of a module's exports. Bundling leaves one `export {…}` at the end.
 */
export function moduleExports(body: t.Statement[]): [string, t.Identifier][] {
  const pairs: [string, t.Identifier][] = [];
  for (const node of body) {
    if (!t.isExportNamedDeclaration(node)) continue;
    for (const specifier of node.specifiers) {
      if (!t.isExportSpecifier(specifier)) continue;
      const { exported } = specifier;
      pairs.push([t.isIdentifier(exported) ? exported.name : exported.value, specifier.local]);
    }
  }
  return pairs;
}

function takeExports(path: NodePath<t.Program>): [string, t.Identifier][] {
  const pairs = moduleExports(path.node.body);
  path.node.body = path.node.body.filter((node) => !t.isExportNamedDeclaration(node));
  return pairs;
}
