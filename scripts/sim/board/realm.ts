import vm from "node:vm";
import { allowedGlobals, allowedValues } from "./allowed.ts";
import { isBuffer } from "./bytes.ts";
import { promiseText } from "./promiseText.ts";

/** Constructors of a board's context. Values handed to device code must be made by these, or its `instanceof` fails. */
export interface Builtins {
  Uint8Array: typeof Uint8Array;
  ArrayBuffer: typeof ArrayBuffer;
  Array: ArrayConstructor;
  Object: ObjectConstructor;
  Error: ErrorConstructor;
  TypeError: TypeErrorConstructor;
}

/** A JavaScript world in which device code runs: a context of its own (Realm), or one that stands for it. */
export interface World {
  readonly builtins: Builtins;
  readonly global: Record<string, unknown>;
  /** Evaluates a text at the top level of this world. */
  run(text: string, filename: string): unknown;
  /** A plain object of this world with the given members. */
  object(members?: Record<string, unknown>): Record<string, unknown>;
  /** An array of this world. */
  array(items?: readonly unknown[]): unknown[];
  /** A Uint8Array of this world with a copy of the bytes. */
  bytes(data: Uint8Array): Uint8Array;
  /** False for a pin that nothing in this world names; absent = any may be. */
  names?(pin: string): boolean;
}

/** What the realm needs of the board. */
export interface RealmHost {
  nowMs(): number;
  later(fn: () => void): void;
  unhandledRejection(reason: unknown): void;
}

/** On the interpreter `set` takes an ArrayBuffer's bytes as they are (src/jswrap_arraybuffer.c,
 *  jswrap_arraybufferview_set); elsewhere it takes none of them and says nothing. */
export const setTakesBuffers = `(function () {
  var typed = Object.getPrototypeOf(Uint8Array.prototype), set = typed.set;
  typed.set = function (from, at) {
    set.call(this, from instanceof ArrayBuffer ? new Uint8Array(from) : from, at);
  };
})()`;

/** On the interpreter `slice` and `filter` of bytes give a plain array (measured on 2v29), which is no bytes to anything
 *  that asks. */
const plainSlices = `(function () {
  var typed = Object.getPrototypeOf(Uint8Array.prototype), list = Array.prototype;
  var slice = list.slice, filter = list.filter;
  typed.slice = function (from, to) { return slice.call(this, from, to); };
  typed.filter = function (fn, self) { return filter.call(this, fn, self); };
})()`;

/** A text as far as the interpreter reads: a zero byte is its end. Source: interpreter src/jslex.c, LEX_EOF = 0 */
const untilEnd = (text: string): string => text.split("\0", 1)[0]!;

/** One fresh JavaScript world with Espruino's share of the language. */
export class Realm implements World {
  readonly context: vm.Context;
  readonly builtins: Builtins;
  readonly global: Record<string, unknown>;
  private readonly nativeEval: (text: string) => unknown;

  constructor(host: RealmHost, detokenise?: (text: string) => string) {
    this.context = vm.createContext({}, { codeGeneration: { strings: true, wasm: false } });
    this.global = this.run("globalThis", "realm") as Record<string, unknown>;
    this.builtins = this.run(
      "({Uint8Array:Uint8Array,ArrayBuffer:ArrayBuffer,Array:Array,Object:Object,Error:Error,TypeError:TypeError})",
      "realm",
    ) as Builtins;
    this.nativeEval = this.global.eval as (text: string) => unknown;
    const define = this.run("(function(o,k,v){o[k]=v})", "realm") as Define;
    define(this.global, "Promise", this.promise(host));
    this.run(plainSlices, "realm");
    this.run(setTakesBuffers, "realm");
    restrict(this.global);
    this.tameDateAndRandom(host);
    this.speakJson();
    this.global.eval = (text: unknown) => this.evaluate(text, detokenise ?? untilEnd);
  }

  run(text: string, filename: string): unknown {
    return compiled(text, filename).runInContext(this.context);
  }

  object(members: Record<string, unknown> = {}): Record<string, unknown> {
    return Object.assign(new this.builtins.Object() as Record<string, unknown>, members);
  }

  array(items: readonly unknown[] = []): unknown[] {
    const out = new this.builtins.Array() as unknown[];
    for (const item of items) out.push(item);
    return out;
  }

  bytes(data: Uint8Array): Uint8Array {
    const out = new this.builtins.Uint8Array(data.length);
    out.set(data);
    return out;
  }

  /** Device code passes strings through eval only: anything else comes back as it is, as in the language. */
  private evaluate(text: unknown, detokenise: (text: string) => string): unknown {
    return this.nativeEval(typeof text === "string" ? detokenise(text) : (text as string));
  }

  private promise(host: RealmHost): unknown {
    const make = this.run(promiseText, "promise") as (
      later: unknown,
      unhandled: unknown,
    ) => unknown;
    return make(
      (fn: () => void) => host.later(fn),
      (reason: unknown) => host.unhandledRejection(reason),
    );
  }

  private tameDateAndRandom(host: RealmHost): void {
    const install = this.run(dateText, "date") as (now: () => number) => void;
    install(() => host.nowMs());
    const math = this.global.Math as Record<string, unknown>;
    // Its numbers are the same at every start on half of the boards; device code has a Random port.
    math.random = () => {
      throw new this.builtins.Error("Math.random is banned on the device");
    };
    math.clip = (x: number, low: number, high: number) => Math.min(Math.max(x, low), high);
  }

  /** Espruino's JSON: byte arrays are lists, nothing is null, no character above 126 stays bare; the replacer is ignored. */
  private speakJson(): void {
    const json = this.global.JSON as { stringify: unknown };
    const native = JSON.stringify;
    const plain = (_key: string, value: unknown): unknown => {
      if (ArrayBuffer.isView(value)) return Array.from(value as Uint8Array);
      return isBuffer(value) ? Array.from(new Uint8Array(value)) : value;
    };
    json.stringify = (value: unknown, _replacer: unknown, space?: number) =>
      (native(value, plain, space) ?? "null").replace(
        /[\u007f-\uffff]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
      );
  }
}

type Define = (target: unknown, key: string, value: unknown) => void;

const dateText = `(function (now) {
  var Native = Date;
  function Fake(a, b, c, d, e, f, g) {
    if (!(this instanceof Fake)) return new Native(now()).toString();
    var n = arguments.length;
    if (n === 0) return new Native(now());
    if (n === 1) return new Native(a);
    return new Native(a, b, c || 1, d || 0, e || 0, f || 0, g || 0);
  }
  Fake.prototype = Native.prototype;
  Fake.prototype.constructor = Fake;
  Fake.parse = Native.parse;
  Fake.now = function () { return now(); };
  Date = Fake;
})`;

function restrict(global: Record<string, unknown>): void {
  for (const name of Object.getOwnPropertyNames(global)) {
    if (!allowedGlobals[name] && !allowedValues.includes(name))
      Reflect.deleteProperty(global, name);
  }
  for (const [name, allowed] of Object.entries(allowedGlobals)) {
    const value = global[name] as Record<string, unknown> | undefined;
    if (!value) continue;
    strip(value, `${allowed.own} prototype length name BYTES_PER_ELEMENT`);
    const proto = value.prototype as Record<string, unknown> | undefined;
    if (!proto) continue;
    strip(proto, `${allowed.proto} BYTES_PER_ELEMENT`);
    // Methods of all typed arrays live on one hidden prototype above theirs.
    const parent = Object.getPrototypeOf(proto) as Record<string, unknown> | null;
    if (name === "Uint8Array" && parent) {
      strip(parent, allowed.proto);
      strip(parent.constructor as unknown as Record<string, unknown>, "prototype length name");
    }
  }
}

function strip(target: Record<string, unknown>, keep: string): void {
  const names = new Set(keep.split(" "));
  for (const name of Object.getOwnPropertyNames(target)) {
    if (!names.has(name)) Reflect.deleteProperty(target, name);
  }
}

/** A power-cut search starts one board many thousand times: its texts are compiled once. */
const scripts = new Map<string, vm.Script>();
const scriptsMax = 64;

function compiled(text: string, filename: string): vm.Script {
  let script = scripts.get(text);
  if (!script) {
    if (scripts.size >= scriptsMax) scripts.clear();
    script = new vm.Script(text, { filename });
    scripts.set(text, script);
  }
  return script;
}
