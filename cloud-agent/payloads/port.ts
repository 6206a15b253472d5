/** Where payloads are kept, by their digest. Nothing that an origin gives is believed before its digest was checked. */
export interface Origin {
  /** for messages: "folder /srv/payloads" */
  readonly name: string;
  /** true: reading takes a moment, so that an answer may wait for it */
  readonly isLocal: boolean;
  /** Stores a payload; the same again changes nothing. @throws AgentError OriginUnreachable */
  put(digest: string, bytes: Uint8Array): Promise<void>;
  /** Reads a part. @returns that very number of bytes
   *  @throws AgentError OriginUnreachable; PayloadDamaged when it is shorter than it should be */
  read(digest: string, offset: number, length: number): Promise<Uint8Array>;
}

/** A hex SHA-256, which is all that becomes part of a path. */
export const digestPattern = /^[0-9a-f]{64}$/;
