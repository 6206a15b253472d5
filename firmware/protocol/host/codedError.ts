/** The one error class of the host side that carries a number of errors.ts. */
import type { Code } from "../errors.ts";

/** A fault of the outside world that has a code: malformed bytes, a wrong key, an old version.
 *  The message names object, expectation and finding; the text for people is in errorTexts.ts. */
export class CodedError extends Error {
  readonly code: Code;
  /** @param code number of errors.ts
   *  @param message object, expectation, finding: "manifest: expected 4096 bytes at most, got 5000"
   *  @param cause the error underneath, when there is one */
  constructor(code: Code, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "CodedError";
    this.code = code;
  }
}
