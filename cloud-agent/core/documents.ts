/** Records that need no table of their own: JSON documents by kind and id, found by what they belong to and by when they
 *  are due. A kind that grows columns of its own gets a table. */

/** Names a kind of documents and the type of its values; two kinds never share a name. */
export interface DocumentKind<T> {
  readonly name: string;
  /** only for the compiler: a kind of one type is no kind of another */
  readonly type?: T;
}

/** Names a kind, to be kept as a constant beside the type. */
export function documentKind<T>(name: string): DocumentKind<T> {
  return { name };
}

export interface StoredDocument<T> {
  id: string;
  /** what it belongs to: a serial, an account, a rollout; null for none */
  ref: string | null;
  /** when somebody has to look at it again; null for never */
  dueMs: number | null;
  value: T;
}

export interface Documents {
  get<T>(kind: DocumentKind<T>, id: string): Promise<T | null>;
  /** Replaces what was there, its ref and due time too. */
  put<T>(
    kind: DocumentKind<T>,
    document: { id: string; value: T; ref?: string | null; dueMs?: number | null },
  ): Promise<void>;
  delete<T>(kind: DocumentKind<T>, id: string): Promise<boolean>;
  /** Ordered by id, after the cursor; with dueByMs only what is due by then, the longest overdue first (no cursor). */
  list<T>(
    kind: DocumentKind<T>,
    page: { ref?: string; after?: string; dueByMs?: number; limit: number },
  ): Promise<StoredDocument<T>[]>;
  count<T>(kind: DocumentKind<T>, filter?: { ref?: string }): Promise<number>;
}
