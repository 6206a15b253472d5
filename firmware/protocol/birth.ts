/** What the factory hands to the agent about one device: no secret in it (SPEC.md §3). */
export interface BirthRecord {
  /** `[A-Z0-9-]{4,23}` */
  serial: string;
  /** product model, for example "sensor-1" */
  model: string;
  /** id of a board file, for example "puckjs" */
  board: string;
  hardwareRev: number;
  batch: string;
  /** 16 random bytes, hex */
  salt: string;
  kmId: number;
  /** SHA-256(LP("FL1-claim", serial, CODE)), hex */
  codeHash: string;
  /** LM-OTS public key of the receipt key: type ‖ I ‖ q=0 ‖ K, 48 bytes, hex */
  receiptPublic: string;
  /** UUIDv5 bytes, hex */
  vendorId: string;
  classId: string;
  /** ISO 8601 */
  bornAt: string;
  station: string;
  /** component → lot number, where the line knows them: a bad lot is found by its returns */
  lots?: Record<string, string>;
}
