/** Products: what is promised of a model. A promise may be lengthened, never shortened. */

import type { Tx } from "../storage/store.ts";
import { documentKind } from "./documents.ts";
import { AgentCode, AgentError } from "./errors.ts";

export interface ProductRecord {
  /** as in the birth records */
  model: string;
  /** as people say it */
  name: string;
  /** day (ISO) until which security updates are promised */
  supportUntil: string;
  /** last day of sale; null: not set */
  endOfSale: string | null;
  /** last day of the cloud service for it; null: not set. Never before supportUntil */
  endOfLife: string | null;
  /** what happens to devices after it, for their owners */
  endOfLifePolicy: string;
  /** how to dispose of it: battery chemistry, take-back */
  disposal: string;
  updatedMs: number;
}
export type ProductInput = Omit<ProductRecord, "updatedMs">;

export const products = documentKind<ProductRecord>("product");

/** Stores what is promised of a model.
 *  @throws AgentError PromiseBroken for a date earlier than the one promised before; ProductInvalid for days that do not
 *  fit each other */
export async function putProduct(
  tx: Tx,
  input: ProductInput,
  edge: { person: string; nowMs: number },
): Promise<ProductRecord> {
  checkDays(input);
  const before = await tx.documents.get(products, input.model);
  if (before) checkPromise(before, input);
  const record = { ...input, updatedMs: edge.nowMs };
  await tx.documents.put(products, { id: input.model, value: record });
  const until = `supported until ${input.supportUntil}`;
  const end = input.endOfLife === null ? "" : `, end of life ${input.endOfLife}`;
  await tx.appendEvent(
    {
      kind: before ? "productChanged" : "productAdded",
      text: `${edge.person} set product ${input.model}: ${until}${end}.`,
      data: { model: input.model, person: edge.person, before, after: record },
    },
    edge.nowMs,
  );
  return record;
}

/** @throws AgentError NotFound */
export async function needProduct(tx: Tx, model: string): Promise<ProductRecord> {
  const record = await tx.documents.get(products, model);
  if (record) return record;
  throw new AgentError(AgentCode.NotFound, `product ${model}: there is none with this model`);
}

/** Checks what a release says about support against what was promised of its product. Pure.
 *  @param said supportUntil and endOfLife of its manifest; null or empty: nothing said
 *  @throws AgentError PromiseBroken */
export function checkReleasePromise(
  product: ProductRecord,
  said: { supportUntil: string | null; endOfLife: string | null },
): void {
  const words = `release for ${product.model}`;
  needNotEarlier(`${words}: support-until`, product.supportUntil, said.supportUntil);
  needNotEarlier(`${words}: end of life`, product.endOfLife, said.endOfLife);
}

/** Where a product stands on a day. Pure. */
export function productStage(
  product: ProductRecord,
  nowMs: number,
): "onSale" | "supported" | "ended" {
  const today = new Date(nowMs).toISOString().slice(0, 10);
  const end = product.endOfLife ?? product.supportUntil;
  if (today > end) return "ended";
  return product.endOfSale !== null && today > product.endOfSale ? "supported" : "onSale";
}

function checkDays(input: ProductInput): void {
  for (const name of ["supportUntil", "endOfSale", "endOfLife"] as const) {
    const day = input[name];
    if (day === null || isDay(day)) continue;
    throw invalid(`product ${input.model}: ${name}: expected a day such as 2031-12-31, got ${day}`);
  }
  if (input.endOfLife !== null && input.endOfLife < input.supportUntil) {
    throw invalid(
      `product ${input.model}: expected endOfLife on or after supportUntil ${input.supportUntil}, got ${input.endOfLife}`,
    );
  }
}

function checkPromise(before: ProductRecord, input: ProductInput): void {
  needNotEarlier(`product ${input.model}: supportUntil`, before.supportUntil, input.supportUntil);
  // Once an end was told, taking it back means "later than that"; an earlier one would break a promise.
  if (before.endOfLife !== null && input.endOfLife !== null) {
    needNotEarlier(`product ${input.model}: endOfLife`, before.endOfLife, input.endOfLife);
  }
}

function needNotEarlier(what: string, promised: string | null, said: string | null): void {
  if (promised === null || said === null || said === "" || said >= promised) return;
  throw new AgentError(
    AgentCode.PromiseBroken,
    `${what}: expected ${promised} or later, as promised, got ${said}`,
  );
}

function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

function invalid(text: string): AgentError {
  return new AgentError(AgentCode.ProductInvalid, text);
}
