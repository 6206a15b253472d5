const events = "on emit addListener prependListener removeListener removeAllListeners";
const object = "constructor hasOwnProperty toString valueOf __proto__ clone";
const error = "constructor toString message name stack";
const view =
  "constructor buffer byteLength byteOffset length every fill filter find findIndex forEach includes indexOf join map " +
  "reduce reverse set slice some sort subarray toString";
const dataView = ["Float32", "Float64", "Int16", "Int32", "Int8", "Uint16", "Uint32", "Uint8"]
  .flatMap((type) => [`get${type}`, `set${type}`])
  .join(" ");

/** The language's own globals that Espruino has too, each with the names on it and on its prototype that Espruino
 *  has. Everything else is taken out of a board's context, so that code which leans on it fails here as it would there.
 *  Source: class tables of the interpreter's wrappers (2v29, all features) and runs on its Linux build */
export const allowedGlobals: Record<string, { own: string; proto: string }> = {
  Object: {
    own:
      "assign create defineProperties defineProperty entries fromEntries getOwnPropertyDescriptor " +
      "getOwnPropertyDescriptors getOwnPropertyNames getPrototypeOf keys setPrototypeOf values",
    proto: `${object} ${events}`,
  },
  Function: { own: "", proto: "constructor apply bind call toString length name" },
  Array: {
    own: "isArray",
    proto:
      "constructor concat every fill filter find findIndex forEach includes indexOf join length map pop push reduce " +
      "reverse shift slice some sort splice toString unshift",
  },
  String: {
    own: "fromCharCode",
    proto:
      "constructor charAt charCodeAt concat endsWith includes indexOf lastIndexOf length match padEnd padStart repeat " +
      "replace replaceAll slice split startsWith substr substring toLowerCase toString toUpperCase trim valueOf",
  },
  Number: {
    own: "MAX_VALUE MIN_VALUE NEGATIVE_INFINITY NaN POSITIVE_INFINITY",
    proto: "constructor toFixed toString valueOf",
  },
  Boolean: { own: "", proto: "constructor toString valueOf" },
  Math: {
    own:
      "E LN10 LN2 LOG10E LOG2E PI SQRT1_2 SQRT2 abs acos asin atan atan2 ceil clip cos exp floor log max min pow random " +
      "round sign sin sqrt tan",
    proto: "",
  },
  JSON: { own: "parse stringify", proto: "" },
  Date: {
    own: "now parse",
    proto:
      "constructor getDate getDay getFullYear getHours getMilliseconds getMinutes getMonth getSeconds getTime " +
      "getTimezoneOffset getUTCDate getUTCDay getUTCFullYear getUTCHours getUTCMilliseconds getUTCMinutes getUTCMonth " +
      "getUTCSeconds setDate setFullYear setHours setMilliseconds setMinutes setMonth setSeconds setTime toISOString " +
      "toJSON toString toUTCString valueOf",
  },
  RegExp: {
    own: "",
    // The flag getters are what the host's own String.replace and split read.
    proto:
      "constructor exec test toString flags global ignoreCase multiline dotAll unicode sticky hasIndices unicodeSets source",
  },
  Promise: { own: "all reject resolve", proto: "constructor then catch" },
  // Without this the host stops recording stacks.
  Error: { own: "stackTraceLimit", proto: error },
  SyntaxError: { own: "", proto: error },
  TypeError: { own: "", proto: error },
  ReferenceError: { own: "", proto: error },
  ArrayBuffer: { own: "", proto: "constructor byteLength" },
  DataView: { own: "", proto: `constructor buffer byteLength byteOffset ${dataView}` },
  Int8Array: { own: "", proto: view },
  Uint8Array: { own: "", proto: view },
  Uint8ClampedArray: { own: "", proto: view },
  Int16Array: { own: "", proto: view },
  Uint16Array: { own: "", proto: view },
  Int32Array: { own: "", proto: view },
  Uint32Array: { own: "", proto: view },
  Float32Array: { own: "", proto: view },
  Float64Array: { own: "", proto: view },
};

/** Global functions and values of the language that Espruino has too. */
export const allowedValues: readonly string[] = [
  "globalThis",
  "NaN",
  "Infinity",
  "undefined",
  "eval",
  "isNaN",
  "isFinite",
  "parseInt",
  "parseFloat",
  "encodeURIComponent",
  "decodeURIComponent",
];
