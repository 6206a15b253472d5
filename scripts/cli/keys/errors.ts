/** Refusals of the key, release and certificate commands. */

export type ToolCode =
  | "BACKUP_DAMAGED"
  | "BACKUP_EXISTS"
  | "BACKUP_SOURCE"
  | "BOARD_UNKNOWN"
  | "BROKER_FILES"
  | "FILE_WRITE"
  | "LEDGER_LOCKED"
  | "LEDGER_DAMAGED"
  | "LEDGER_WENT_BACKWARDS"
  | "LEDGER_LEAF_TWICE"
  | "LEDGER_EXHAUSTED"
  | "LEASE_REFUSED"
  | "LEASE_INPUT"
  | "KEYS_EXIST"
  | "KEYS_MISSING"
  | "KEYS_DAMAGED"
  | "KEYS_HEIGHT"
  | "KEYS_REVOKED"
  | "KEYS_INPUT"
  | "KM_EXISTS"
  | "KM_INPUT"
  | "KM_MISSING"
  | "KM_SHARES"
  | "NEW_EXISTS"
  | "NEW_NAME"
  | "REHEARSE_INPUT"
  | "RELEASE_INPUT"
  | "RELEASE_FILE"
  | "RELEASE_SIGNED"
  | "RELEASE_DIFFERS"
  | "RELEASE_CHECK"
  | "STORE_INPUT"
  | "CERTIFICATE_INPUT"
  | "CERTIFICATE_INVALID";

/** A command that stopped: which object, what was expected, what was found, what to do next. */
export class ToolError extends Error {
  readonly code: ToolCode;
  readonly next: string;

  /** @param options.next one sentence: the step that helps */
  constructor(
    code: ToolCode,
    options: { object: string; expected: string; found: string; next: string; cause?: unknown },
  ) {
    const { object, expected, found, next, cause } = options;
    const message = `${code}: ${object}: expected ${expected}, got ${found}. ${next}`;
    super(message, cause === undefined ? undefined : { cause });
    this.name = "ToolError";
    this.code = code;
    this.next = next;
  }
}
