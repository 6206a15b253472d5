import { type NodePath, types as t } from "@babel/core";
import type { Role } from "./gate.ts";
import { bannedForApps, bannedMembers, missingGlobals, missingMethods } from "./gateWords.ts";
import {
  interpreterApi,
  interpreterLibraries,
  languageGlobals,
  pinPattern,
} from "./interpreterApi.ts";

/** found, remedy, and whether it is banned (true) or simply not there (false). */
export type ApiComplaint = [found: string, remedy: string, banned: boolean] | undefined;

const words = (text: string) => text.split(" ");
const libraries = new Set(words(interpreterLibraries));
const globals = new Set([
  ...Object.keys(interpreterApi).filter((owner) => !libraries.has(owner)),
  ...words(interpreterApi.global!),
  ...words(languageGlobals),
]);
/** Owners whose members are all in the table: others are instances that carry names of their own.
 */
const closedOwners = new Set(words("Object Array Math Number String Promise JSON E Date Function"));
const ofEveryObject = new Set([...words(interpreterApi.Object!), "prototype", "name"]);
for (const name of words("assign entries keys values create fromEntries"))
  ofEveryObject.delete(name);

/** Judges a member access: banned, or not in the interpreter. */
export function apiComplaint(
  path: NodePath,
  role: Role,
  defined: Set<string> | undefined,
): ApiComplaint {
  const { node } = path;
  if (
    (t.isIdentifier(node) && node.name === "onErrorSave") ||
    (t.isStringLiteral(node) && node.value === "onErrorSave")
  )
    return [
      "onErrorSave",
      "It writes Storage after a crash; the framework keeps crash records",
      true,
    ];
  if (path.isCallExpression()) return requireComplaint(path, role);
  if (!path.isMemberExpression()) return undefined;
  const member = memberName(path.node);
  if (member === undefined) return undefined;
  const owner = ownerOf(path.get("object"));
  if (owner) {
    const shown = owner === "global" ? member : `${owner}.${member}`;
    const ban = banOf(owner, member, role);
    if (ban) return [shown, ban, true];
    if (closedOwners.has(owner) && !knownMember(owner, member))
      return [`${shown}, which the interpreter lacks`, "Write it out, or use another way", false];
    if (owner === "global") return unknownGlobal(member, role, true);
    return undefined;
  }
  const remedy = Object.hasOwn(missingMethods, member) ? missingMethods[member] : undefined;
  if (remedy && defined && !defined.has(member) && path.parentPath.isCallExpression())
    return [`method ${member}(), which the interpreter lacks`, remedy, false];
  return undefined;
}

/** Judges a bare name that no scope binds.
 *  @param enums TypeScript enums of the file, which Babel's scopes do not know */
export function globalComplaint(path: NodePath, role: Role, enums: Set<string>): ApiComplaint {
  if (!path.isReferencedIdentifier()) return undefined;
  const { name } = path.node;
  if (isBound(path, name) || enums.has(name)) return undefined;
  if (name === "eval" && path.parentPath.isCallExpression())
    return [
      "direct eval",
      role === "app" ? bannedForApps.global!.eval! : 'Write (global as any)["eval"](text)',
      true,
    ];
  return unknownGlobal(name, role, false);
}

function unknownGlobal(name: string, role: Role, asMember: boolean): ApiComplaint {
  const ban = banOf("global", name, role);
  if (ban) return [name, ban, true];
  // Own state hung on `global` is legal; only bare names must exist.
  if (asMember || globals.has(name) || pinPattern.test(name)) return undefined;
  if (role === "framework" && name === "BOARD") return undefined;
  const remedy = Object.hasOwn(missingGlobals, name) ? missingGlobals[name]! : undefined;
  return [
    `global "${name}", which the interpreter lacks`,
    remedy ?? "Define or import it, or pass it in",
    false,
  ];
}

function requireComplaint(path: NodePath<t.CallExpression>, role: Role): ApiComplaint {
  const { callee } = path.node;
  if (!t.isIdentifier(callee, { name: "require" }) || isBound(path, "require")) return undefined;
  const [argument] = path.node.arguments;
  if (!t.isStringLiteral(argument))
    return ["require of a computed name", "Name the library in quotes", false];
  if (!libraries.has(argument.value))
    return [
      `require("${argument.value}")`,
      "Only the interpreter's own libraries are on the device; use import",
      false,
    ];
  if (role !== "app" || !Object.hasOwn(bannedMembers, argument.value)) return undefined;
  const parent = path.parentPath;
  if (parent.isMemberExpression() || parent.isVariableDeclarator()) return undefined;
  return [
    `require("${argument.value}") handed on`,
    "Keep it in a const or use it at once, so that its calls can be checked",
    true,
  ];
}

function banOf(owner: string, member: string, role: Role): string | undefined {
  const lists = role === "app" ? [bannedMembers, bannedForApps] : [bannedMembers];
  for (const list of lists) {
    const entry = Object.hasOwn(list, owner) ? list[owner] : undefined;
    if (entry && Object.hasOwn(entry, member)) return entry[member];
  }
  return undefined;
}

function knownMember(owner: string, member: string): boolean {
  return words(interpreterApi[owner] ?? "").includes(member) || ofEveryObject.has(member);
}

function memberName(node: t.MemberExpression): string | undefined {
  if (!node.computed && t.isIdentifier(node.property)) return node.property.name;
  return t.isStringLiteral(node.property) ? node.property.value : undefined;
}

/** The interpreter object that an expression is: `E`, `require("Storage")` as "Storage", a const
 *  bound to
 *  either, `global.E`; undefined for anything else. */
function ownerOf(path: NodePath<t.Node>, depth = 0): string | undefined {
  const node = bare(path.node);
  if (t.isCallExpression(node) && t.isIdentifier(node.callee, { name: "require" })) {
    const [argument] = node.arguments;
    return t.isStringLiteral(argument) ? argument.value : undefined;
  }
  if (t.isMemberExpression(node)) {
    const object = bare(node.object);
    const isGlobal = t.isIdentifier(object) && /^global(?:This)?$/.test(object.name);
    return isGlobal ? memberName(node) : undefined;
  }
  if (!t.isIdentifier(node)) return undefined;
  if (!isBound(path, node.name)) return /^global(?:This)?$/.test(node.name) ? "global" : node.name;
  const binding = path.scope.getBinding(node.name);
  if (!binding?.path.isVariableDeclarator() || depth > 3) return undefined;
  const init = binding.path.get("init") as NodePath<t.Node>;
  return init.node ? ownerOf(init, depth + 1) : undefined;
}

/** Whether a scope defines the name; an ambient declaration only tells the type of what the device
 *  has. */
function isBound(path: NodePath, name: string): boolean {
  const binding = path.scope.getBinding(name);
  if (!binding) return false;
  const { node, parent } = binding.path as { node: object; parent: object };
  return !("declare" in node && node.declare) && !("declare" in parent && parent.declare);
}

/** The expression under type assertions. */
function bare(node: t.Node): t.Node {
  let inner = node;
  while (t.isTSAsExpression(inner) || t.isTSNonNullExpression(inner)) inner = inner.expression;
  return inner;
}
