import { types as t } from "@babel/core";
import { settingNamePattern } from "../../../firmware/protocol/host/settings.ts";
import { commandsMax } from "../../../firmware/protocol/limits.ts";
import { BuildError } from "./errors.ts";
import type { Lowered } from "./lower.ts";
import { moduleExports } from "./plugins.ts";

/** Reads the names of the commands that an app declares: the device calls only what stands there by name.
 *  @returns [] when it declares none
 *  @throws BuildError BUILD_COMMANDS for what is no object of functions, for a name out of form and for too many */
export function appCommands(lowered: Lowered): string[] {
  const { body } = lowered.ast.program;
  const name = new Map(moduleExports(body)).get("commands")?.name;
  if (!name) return [];
  const refuse = (found: string) =>
    new BuildError({
      code: "BUILD_COMMANDS",
      place: { file: lowered.file },
      found,
      remedy:
        'Write an object: export const commands = { identify() { blink(); return "blinks"; } }',
    });
  const table = body
    .flatMap((node) => (t.isVariableDeclaration(node) ? node.declarations : []))
    .find((declarator) => t.isIdentifier(declarator.id, { name }))?.init;
  if (!t.isObjectExpression(table))
    throw refuse("commands: expected an object of functions by name, got an expression");
  const names = table.properties.map((property) => {
    const isNamed = !t.isSpreadElement(property) && !property.computed;
    const key = isNamed ? property.key : undefined;
    const found = t.isIdentifier(key) ? key.name : t.isStringLiteral(key) ? key.value : undefined;
    if (found === undefined || !settingNamePattern.test(found))
      throw refuse(
        `commands: expected names of a letter, then letters, digits, _, at most 16 characters, got ${found ?? "an expression"}`,
      );
    return found;
  });
  if (names.length > commandsMax)
    throw refuse(`commands: expected at most ${commandsMax}, got ${names.length}`);
  return names;
}
