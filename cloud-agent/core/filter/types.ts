import type { BirthRecord } from "../../../firmware/protocol/birth.ts";
import type { DeviceRecord } from "../records.ts";

/** What a filter looks at. Anything may be missing: what is not known matches no comparison. */
export type Subject = Partial<Omit<DeviceRecord, "birth">> & { birth?: Partial<BirthRecord> };

export type Value = string | number | boolean;
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** A condition over one device. */
export type Expr =
  | { kind: "and" | "or"; parts: Expr[] }
  | { kind: "not"; part: Expr }
  /** true when the field compares so with one of the values; null stands for "none" */
  | { kind: "test"; field: string; operator: Operator; values: (Value | null)[] };

/** Columns of the devices' table that an index finds by. */
export interface DeviceColumns {
  lifecycle: number;
  running_sequence: number;
  board: string;
  presence: string;
  model: string;
  batch: string;
  site: string | null;
  group_name: string | null;
  account: string | null;
}
/** Per column the values of which one has to match. */
export type ColumnFilter = { [column in keyof DeviceColumns]?: (string | number)[] };
