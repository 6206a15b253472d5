import { types as t } from "@babel/core";

/** What is wrong with a node, and what to write instead. */
export type Complaint = [found: string, remedy: string] | undefined;
type Check = (node: never) => Complaint;

const errorClasses = /^(?:Error|TypeError|SyntaxError|ReferenceError|InternalError|RangeError)$/;
const callback = "Use callbacks or Promise.then";

const anyFunction = (node: t.Function): Complaint => {
  if (node.async) return ["async function", callback];
  if (node.generator) return ["generator function", "Use a loop that calls a function"];
  return undefined;
};

const anyClass = (node: t.Class): Complaint => {
  if (t.isIdentifier(node.superClass) && errorClasses.test(node.superClass.name))
    return [
      `class extends ${node.superClass.name}`,
      "Use a plain function that sets this.code, or throw a number; super(message) fails there",
    ];
  return undefined;
};

/** Constructs that no lowering step removes: refused in the source, by node type. */
export const sourceChecks: Record<string, Check> = {
  FunctionDeclaration: anyFunction,
  FunctionExpression: anyFunction,
  ArrowFunctionExpression: anyFunction,
  ObjectMethod: anyFunction,
  ClassMethod: anyFunction,
  ClassDeclaration: anyClass,
  ClassExpression: anyClass,
  AwaitExpression: () => ["await", callback],
  YieldExpression: () => ["yield", "Use a loop that calls a function"],
  LabeledStatement: () => ["label", "Put the loops into a function and return from it"],
  TaggedTemplateExpression: () => ["tagged template", "Call the function with the texts"],
  BigIntLiteral: () => ["BigInt literal", "Use numbers up to 2^53"],
  ClassPrivateProperty: () => ["private field #", "Use TypeScript's private"],
  ClassPrivateMethod: () => ["private method #", "Use TypeScript's private"],
  StaticBlock: () => ["static block", "Assign after the class"],
  MetaProperty: () => ["new.target or import.meta", "Leave it out"],
  Import: () => ["import()", "Import at the top; the build makes one text"],
  DebuggerStatement: () => ["debugger", "Remove it; it would stop the device"],
  WithStatement: () => ["with", "Name the object"],
  ForOfStatement: (node: t.ForOfStatement) => (node.await ? ["for await", callback] : undefined),
  RegExpLiteral: (node: t.RegExpLiteral): Complaint => {
    if (/\(\?/.test(node.pattern)) return ["regular expression group (?…)", "Use plain groups"];
    if (/[^\\]\{\d/.test(node.pattern)) return ["regular expression count {n}", "Repeat the piece"];
    return undefined;
  },
  StringLiteral: (node: t.StringLiteral) => wideText(node.value),
  TemplateElement: (node: t.TemplateElement) => wideText(node.value.cooked ?? ""),
  ObjectProperty: (node: t.ObjectProperty): Complaint =>
    !node.computed && (t.isIdentifier(node.key) ? node.key.name : "") === "__proto__"
      ? ["__proto__ key", "Use Object.create(prototype)"]
      : undefined,
  CallExpression: (node: t.CallExpression): Complaint => {
    const { callee } = node;
    if (!t.isMemberExpression(callee) || !t.isIdentifier(callee.property)) return undefined;
    const { object, property } = callee;
    if (t.isIdentifier(object, { name: "Object" }) && property.name === "create")
      return node.arguments.length > 1
        ? ["Object.create with properties", "Create the object, then assign"]
        : undefined;
    if (property.name !== "call" && property.name !== "apply") return undefined;
    if (t.isMemberExpression(object) && isPrototype(object.object))
      return ["prototype method by call/apply", "Call the method on the array, or write the loop"];
    return undefined;
  },
};

/** Constructs that the build lowers: one that is left in the finished text would be a syntax error
 *  there. */
export const finalChecks: Record<string, Check> = {
  ...sourceChecks,
  SpreadElement: () => ["spread", "Use concat, apply or Object.assign"],
  RestElement: () => ["rest", "Use arguments"],
  AssignmentPattern: () => ["default value", "Test for undefined"],
  ArrayPattern: () => ["destructuring", "Name the elements"],
  ObjectPattern: () => ["destructuring", "Name the properties"],
  OptionalMemberExpression: () => ["?.", "Test with &&"],
  OptionalCallExpression: () => ["?.()", "Test with &&"],
  BinaryExpression: (node: t.BinaryExpression) =>
    node.operator === "**" ? ["**", "Use Math.pow"] : undefined,
  AssignmentExpression: (node: t.AssignmentExpression) =>
    /^(?:\*\*|\?\?|\|\||&&)=$/.test(node.operator)
      ? [node.operator, "Write the assignment out"]
      : undefined,
  ClassExpression: (node: t.ClassExpression) =>
    anyClass(node) ??
    (node.id ? ["named class expression", "Leave the inner name out"] : undefined),
  ClassProperty: (node: t.ClassProperty) =>
    node.value ? undefined : ["field without initialiser", "Set it in the constructor"],
  ObjectProperty: (node: t.ObjectProperty) =>
    node.computed
      ? ["computed key", "Assign after the object"]
      : (sourceChecks.ObjectProperty as (n: t.ObjectProperty) => Complaint)(node),
  BlockStatement: (node: t.BlockStatement) => {
    const late = node.body.findIndex((s) => !t.isFunctionDeclaration(s));
    const after =
      late < 0 ? undefined : node.body.slice(late).find((s) => t.isFunctionDeclaration(s));
    return after
      ? [
          "function declared after other statements",
          "Declare functions first: nothing is hoisted there",
        ]
      : undefined;
  },
  Identifier: (node: t.Identifier) =>
    /^[\w$]*$/.test(node.name) ? undefined : [`name "${node.name}"`, "Use letters a to z"],
};

function wideText(text: string): Complaint {
  // Without Unicode support a character is one byte; the interpreter would cut the rest off in
  // silence.
  return [...text].some((c) => c.codePointAt(0)! > 0xff)
    ? [
        `character above U+00FF in ${JSON.stringify(text.slice(0, 20))}`,
        "Write the UTF-8 bytes as \\xNN, or leave it out",
      ]
    : undefined;
}

function isPrototype(node: t.Node): boolean {
  if (t.isArrayExpression(node) && node.elements.length === 0) return true;
  return t.isMemberExpression(node) && t.isIdentifier(node.property, { name: "prototype" });
}
