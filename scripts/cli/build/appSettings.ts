import { types as t } from "@babel/core";
import {
  type DeclaredSettings,
  declarationFault,
} from "../../../firmware/protocol/host/settings.ts";
import { BuildError } from "./errors.ts";
import type { Lowered } from "./lower.ts";
import { moduleExports } from "./plugins.ts";

/** Reads the settings that an app declares: a literal, because the release carries it to the agent.
 *  @returns {} when it declares none
 *  @throws BuildError BUILD_SETTINGS for what is no literal or no sound declaration */
export function appSettings(lowered: Lowered): DeclaredSettings {
  const { body } = lowered.ast.program;
  const name = new Map(moduleExports(body)).get("settings")?.name;
  if (!name) return {};
  const init = body
    .flatMap((node) => (t.isVariableDeclaration(node) ? node.declarations : []))
    .find((declarator) => t.isIdentifier(declarator.id, { name }))?.init;
  const refuse = (found: string) =>
    new BuildError({
      code: "BUILD_SETTINGS",
      place: { file: lowered.file },
      found,
      remedy:
        'Write a literal: export const settings = { step: { type: "number", min: 1, max: 60, default: 5 } }',
    });
  const value = literal(init);
  if (value === undefined) throw refuse("settings: expected a literal object, got an expression");
  const fault = declarationFault(value);
  if (fault) throw refuse(fault);
  return value as DeclaredSettings;
}

/** Value of a literal expression; undefined for anything that has to be run. */
function literal(node: t.Node | null | undefined): unknown {
  if (t.isNumericLiteral(node) || t.isStringLiteral(node) || t.isBooleanLiteral(node))
    return node.value;
  if (t.isUnaryExpression(node, { operator: "-" }) && t.isNumericLiteral(node.argument))
    return -node.argument.value;
  if (t.isUnaryExpression(node, { operator: "!" }) && t.isNumericLiteral(node.argument))
    return !node.argument.value;
  if (t.isArrayExpression(node)) {
    const items = node.elements.map(literal);
    return items.includes(undefined) ? undefined : items;
  }
  if (!t.isObjectExpression(node)) return undefined;
  const entries: [string, unknown][] = [];
  for (const property of node.properties) {
    if (!t.isObjectProperty(property) || property.computed) return undefined;
    const { key } = property;
    const name = t.isIdentifier(key) ? key.name : t.isStringLiteral(key) ? key.value : undefined;
    const value = literal(property.value);
    if (name === undefined || value === undefined) return undefined;
    entries.push([name, value]);
  }
  return Object.fromEntries(entries);
}
