/** ORDER-RESULT (SPEC.md §4.2, §14): what became of an order, and what a command returned or the log holds. */
import { Code } from "../errors.ts";
import { commandTextCharsMax, failLogCharsMax, failTextCharsMax } from "../limits.ts";
import { Msg } from "../messages.ts";
import type { CborValue } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { wireInt, wireText, wireUint } from "./wire.ts";

/** What a command takes and returns; null is nothing. */
export type CommandValue = string | number | boolean | null;

/** What a device tells of itself on request. */
export interface DeviceLog {
  /** why this start began, SPEC.md §4.2 */
  resetReason: number;
  /** last lines of this start, joined by "|" */
  log: string;
  /** how the start before ended, where something noted it: a crash, a restart on purpose */
  ended: { code: number; text: string; log: string } | null;
}

export interface OrderResult {
  kind: "orderResult";
  orderId: number;
  code: number;
  /** what a command returned or threw; absent for other orders */
  value?: CommandValue;
  /** answers a log order */
  log?: DeviceLog;
}

/** @throws CodedError MessageMalformed */
export function readOrderResult(items: unknown[]): OrderResult {
  if (items.length !== 3 && items.length !== 4)
    throw new CodedError(Code.MessageMalformed, "ORDER-RESULT: expected 3 or 4 items");
  const result: OrderResult = {
    kind: "orderResult",
    orderId: wireUint("ORDER-RESULT order", items[1]),
    code: wireUint("ORDER-RESULT code", items[2], 999),
  };
  const told = items[3];
  if (Array.isArray(told)) return { ...result, log: readLog(told) };
  return items.length === 4
    ? { ...result, value: readCommandValue("ORDER-RESULT value", told) }
    : result;
}

/** The items of a result, before they are encoded. */
export function orderResultItems({ orderId, code, value, log }: OrderResult): CborValue[] {
  const items: CborValue[] = [Msg.OrderResult, orderId, code];
  if (value !== undefined) items.push(value);
  if (log) {
    const { resetReason, ended } = log;
    items.push([resetReason, log.log, ended && [0, 0, 0, ended.code, ended.text, ended.log]]);
  }
  return items;
}

/** @throws CodedError MessageMalformed */
export function readCommandValue(name: string, value: unknown): CommandValue {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") return wireText(name, value, commandTextCharsMax);
  return wireInt(name, value);
}

/** `ended` is the boot record (SPEC.md §2.2) as the start before left it. */
function readLog(items: unknown[]): DeviceLog {
  const [resetReason, log, ended] = items;
  if (items.length !== 3 || (ended !== null && (!Array.isArray(ended) || ended.length < 5)))
    throw new CodedError(Code.MessageMalformed, "log: expected reset reason, lines and last end");
  return {
    resetReason: wireUint("log reset reason", resetReason, 99),
    log: wireText("log lines", log, failLogCharsMax),
    ended: ended && {
      code: wireUint("log last code", ended[3], 999),
      text: wireText("log last text", ended[4], failTextCharsMax),
      log: wireText("log last lines", ended[5] ?? "", failLogCharsMax),
    },
  };
}
