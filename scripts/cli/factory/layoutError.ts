/** A value that does not fit its place in flash. The message names object, expectation and finding.
 */
export class LayoutError extends Error {
  readonly code: "IDENTITY_INVALID" | "STORAGE_INVALID";

  constructor(code: LayoutError["code"], message: string) {
    super(`${code}: ${message}`);
    this.name = "LayoutError";
    this.code = code;
  }
}
