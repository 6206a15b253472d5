/** Held batches and lots: no device of them is born until somebody says otherwise. */
import type { BirthRecord } from "../../../firmware/protocol/birth.ts";
import type { Tx } from "../../storage/store.ts";
import { documentKind } from "../documents.ts";
import { AgentCode, AgentError } from "../errors.ts";

export interface HoldRecord {
  /** "batch" and its id, or "lot" and "component=lot number" */
  kind: "batch" | "lot";
  name: string;
  reason: string;
  person: string;
  sinceMs: number;
}

export const holds = documentKind<HoldRecord>("hold");
const idOf = (kind: string, name: string) => `${kind}:${name}`;

/** Holds a batch or a lot; a second hold replaces the reason. */
export async function hold(
  tx: Tx,
  input: { kind: HoldRecord["kind"]; name: string; reason: string },
  edge: { person: string; nowMs: number },
): Promise<HoldRecord> {
  const record = { ...input, person: edge.person, sinceMs: edge.nowMs };
  await tx.documents.put(holds, { id: idOf(input.kind, input.name), value: record });
  const text = `${edge.person} holds ${input.kind} ${input.name}: ${input.reason}.`;
  await tx.appendEvent({ kind: "lotHeld", text, data: { ...record } }, edge.nowMs);
  return record;
}

/** Lets a held batch or lot go on. @throws AgentError NotFound */
export async function release(
  tx: Tx,
  input: { kind: HoldRecord["kind"]; name: string; reason: string },
  edge: { person: string; nowMs: number },
): Promise<void> {
  const wasHeld = await tx.documents.delete(holds, idOf(input.kind, input.name));
  if (!wasHeld) {
    throw new AgentError(AgentCode.NotFound, `${input.kind} ${input.name}: it is not held`);
  }
  const text = `${edge.person} let ${input.kind} ${input.name} go on: ${input.reason}.`;
  await tx.appendEvent({ kind: "lotReleased", text, data: input }, edge.nowMs);
}

/** Refuses a birth from what is held. @throws AgentError LotHeld */
export async function needNotHeld(tx: Tx, birth: BirthRecord): Promise<void> {
  const ids = [idOf("batch", birth.batch)];
  for (const [component, lot] of Object.entries(birth.lots ?? {})) {
    ids.push(idOf("lot", `${component}=${lot}`));
  }
  for (const id of ids) {
    const held = await tx.documents.get(holds, id);
    if (!held) continue;
    throw new AgentError(
      AgentCode.LotHeld,
      `birth of ${birth.serial}: ${held.kind} ${held.name} is held by ${held.person}: ${held.reason}`,
    );
  }
}
