/** Text of a value as print() shows it, near enough for people: strings bare at the top, quoted inside. */
export function printed(value: unknown): string {
  return typeof value === "string" ? value : nested(value, 0);
}

const depthMax = 4;

function nested(value: unknown, depth: number): string {
  if (value === null || typeof value !== "object") {
    if (typeof value === "string") return JSON.stringify(value);
    return typeof value === "function" ? "function () { [code] }" : String(value);
  }
  if (isError(value)) return errorText(value);
  if (depth >= depthMax) return "...";
  if (ArrayBuffer.isView(value)) {
    return `new ${value.constructor.name}([${Array.from(value as Uint8Array).join(", ")}])`;
  }
  if (Array.isArray(value)) {
    return `[ ${value.map((item) => nested(item, depth + 1)).join(", ")} ]`;
  }
  const parts = Object.entries(value).map(
    ([k, v]) => `${JSON.stringify(k)}: ${nested(v, depth + 1)}`,
  );
  return parts.length ? `{ ${parts.join(", ")} }` : "{  }";
}

/** Text of whatever was thrown. */
export function errorText(error: unknown): string {
  if (!isError(error)) return printed(error);
  const { name, message } = error as { name: string; message: string };
  return `${name}: ${message}`;
}

function isError(value: unknown): boolean {
  return Object.prototype.toString.call(value) === "[object Error]";
}
