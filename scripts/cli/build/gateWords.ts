/** What device code may not name, and what to write instead. Keys are names as they stand in code.
 */
export type Words = Record<string, string>;

/** Names of other JavaScript worlds that the interpreter lacks. */
export const missingGlobals: Words = {
  Map: "Use a plain object, or an array of pairs",
  WeakMap: "Keep the value in a property of the object",
  Set: "Use an array and includes(), or an object with keys",
  WeakSet: "Mark the object with a property",
  Symbol: "Use a string key",
  Proxy: "Use functions or getters",
  Reflect: "Use Object.keys, Object.defineProperty or call/apply",
  BigInt: "Use numbers up to 2^53, or bytes in a Uint8Array",
  BigInt64Array: "Use Uint32Array with a high and a low word",
  BigUint64Array: "Use Uint32Array with a high and a low word",
  Buffer: "Use Uint8Array",
  TextEncoder: "Use E.toUint8Array(text)",
  TextDecoder: "Use E.toString(bytes)",
  fetch: 'Use require("http").request',
  setImmediate: "Use setTimeout(fn, 0)",
  queueMicrotask: "Use Promise.resolve().then(fn)",
  structuredClone: "Use Object.assign({}, value) or JSON",
  performance: "Use getTime(), in seconds",
  crypto: 'Use require("crypto")',
  window: "Use global",
  document: "A device has no document",
  exports: "Use ES module exports",
  module: "Use ES module exports",
};

/** Methods of built-in values that the interpreter lacks. */
export const missingMethods: Words = {
  flat: "Use concat",
  flatMap: "Use map and concat",
  at: "Use an index, or length - 1",
  finally: "Repeat the step in then and catch",
  findLast: "Loop from the end",
  findLastIndex: "Loop from the end",
  copyWithin: "Use set and subarray",
  toSorted: "Use slice().sort()",
  matchAll: "Loop over exec",
  codePointAt: "Use charCodeAt",
  normalize: "Keep texts in one form",
  localeCompare: "Compare with < and >",
  trimStart: "Use trim",
  trimEnd: "Use trim",
  reduceRight: "Use slice().reverse().reduce",
  propertyIsEnumerable: "Use hasOwnProperty",
  toPrecision: "Use toFixed",
};

const noStorageWrites =
  "The Storage API may compact or erase every file, so nothing writes through it after the factory; " +
  "keep app data in settings or metrics";
const noConsole = "Consoles stay closed; the framework opens them by an authenticated order";
const noOutsideCode = "Code from text escapes the checks; import it instead";
const noHwRand =
  "It gives the same numbers at every start on several chips; use the device's random()";

/** Members that no device code may touch, by owner. "global" holds bare names. */
export const bannedMembers: Record<string, Words> = {
  Storage: {
    write: noStorageWrites,
    writeJSON: noStorageWrites,
    erase: noStorageWrites,
    eraseAll: noStorageWrites,
    open: noStorageWrites,
    compact: noStorageWrites,
    optimise: noStorageWrites,
  },
  Wifi: { save: noStorageWrites, restore: noStorageWrites },
  Math: { random: noHwRand, randInt: noHwRand },
  E: {
    hwRand: noHwRand,
    srand: noHwRand,
    setBootCode: noStorageWrites,
    dumpStr: "It prints memory with the keys in it; publish a metric instead",
    dumpVariables: "It prints memory with the keys in it; publish a metric instead",
    nativeCall: noOutsideCode,
    asm: noOutsideCode,
    compiledC: noOutsideCode,
    setPassword: noConsole,
  },
  global: {
    save: noStorageWrites,
    dump: "It prints memory with the keys in it; publish a metric instead",
    edit: noConsole,
    trace: "It prints memory with the keys in it; publish a metric instead",
  },
};

const frameworkOwns = "The framework owns it; an app that changes it can brick the device";

/** Members that only the framework may touch. */
export const bannedForApps: Record<string, Words> = {
  E: {
    setConsole: noConsole,
    lockConsole: noConsole,
    setFlags: frameworkOwns,
    enableWatchdog: frameworkOwns,
    rebootToDFU: frameworkOwns,
    init: frameworkOwns,
  },
  Flash: { write: frameworkOwns, erasePage: frameworkOwns },
  TelnetServer: { setOptions: noConsole },
  global: {
    poke8: frameworkOwns,
    poke16: frameworkOwns,
    poke32: frameworkOwns,
    load: "Ask the framework for a reboot; it counts starts",
    reset: "Ask the framework for a reboot; it counts starts",
    eval: noOutsideCode,
    Function: noOutsideCode,
    BOARD: "Board data is for the framework; measure through the device given to start",
  },
};
