/** The parts of the agent's replies that the demo reads. */

export interface DeviceLine {
  serial: string;
  board: string;
  lifecycle: number;
  lifecycleName: string;
  epoch: number;
  runningSequence: number;
  /** first 8 bytes, hex */
  runningDigest: string;
  /** 0 confirmed, 1 trial, 2 recovery */
  slotState: number;
  floor: number;
  otherSequence: number;
  resetReason: number;
  lastSeenMs: number | null;
  lastFailed: { sequence: number; code: number; text: string } | null;
  download: { sequence: number; bytesDone: number; sizeBytes: number } | null;
  zombieContacts: number;
  order: { kind: string } | null;
}

export interface EventLine {
  id: number;
  atMs: number;
  kind: string;
  serial: string | null;
  rolloutId: string | null;
  sequence: number | null;
  code: number | null;
  text: string;
}

export interface RolloutDetail {
  id: string;
  policy: { name: string; sequence: number; waves: { name: string }[] };
  status: string;
  wave: number;
  soakStartedMs: number | null;
  haltReason: string | null;
  assigned: Record<string, number>;
  holdBack: string[];
  progress?: Record<string, { confirmedMs: number | null; cause: string | null }>;
}

export interface ReleaseLine {
  sequence: number;
  version: string;
  poisonedMs: number | null;
}

/** Lifecycle numbers that the demo waits for. */
export const released = 1;
export const operating = 3;
export const retired = 6;
