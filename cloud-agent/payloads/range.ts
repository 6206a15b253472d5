/** One byte range of a request (RFC 9110 §14). Pure. */
import { AgentCode, AgentError } from "../core/errors.ts";

/** @returns the part that is asked for, from and to inclusive; null for all of it: no range, several, or one of another
 *  unit, which may be ignored
 *  @throws AgentError RangeUnsatisfiable for one that begins behind the end */
export function rangeOf(
  header: string | undefined,
  sizeBytes: number,
): { from: number; to: number } | null {
  const match = /^bytes=(?:(\d{1,15})-(\d{0,15})|-(\d{1,15}))$/i.exec(header?.trim() ?? "");
  if (match === null) return null;
  const [, first, last, suffix] = match;
  const unsatisfiable = () => {
    const text = `range: expected one within ${sizeBytes} bytes, got ${header}`;
    return new AgentError(AgentCode.RangeUnsatisfiable, text);
  };
  if (suffix !== undefined) {
    if (Number(suffix) === 0) throw unsatisfiable();
    return { from: Math.max(0, sizeBytes - Number(suffix)), to: sizeBytes - 1 };
  }
  const from = Number(first);
  const to = last === "" ? sizeBytes - 1 : Math.min(Number(last), sizeBytes - 1);
  // An end before its begin is no range at all.
  if (last !== "" && Number(last) < from) return null;
  if (from >= sizeBytes) throw unsatisfiable();
  return { from, to };
}
