import type { Transaction } from "kysely";
import type { DocumentKind, Documents, StoredDocument } from "../core/documents.ts";
import type { Tables } from "./schema.ts";

/** The documents of one transaction. */
export class SqlDocuments implements Documents {
  readonly #db: Transaction<Tables>;

  constructor(db: Transaction<Tables>) {
    this.#db = db;
  }

  async get<T>(kind: DocumentKind<T>, id: string): Promise<T | null> {
    const row = await this.#db
      .selectFrom("documents")
      .select("document")
      .where("kind", "=", kind.name)
      .where("id", "=", id)
      .executeTakeFirst();
    return row === undefined ? null : JSON.parse(row.document);
  }

  async put<T>(
    kind: DocumentKind<T>,
    document: { id: string; value: T; ref?: string | null; dueMs?: number | null },
  ): Promise<void> {
    const columns = {
      ref: document.ref ?? null,
      due_ms: document.dueMs ?? null,
      document: JSON.stringify(document.value),
    };
    await this.#db
      .insertInto("documents")
      .values({ kind: kind.name, id: document.id, ...columns })
      .onConflict((conflict) => conflict.columns(["kind", "id"]).doUpdateSet(columns))
      .execute();
  }

  async delete<T>(kind: DocumentKind<T>, id: string): Promise<boolean> {
    const result = await this.#db
      .deleteFrom("documents")
      .where("kind", "=", kind.name)
      .where("id", "=", id)
      .executeTakeFirst();
    return result.numDeletedRows > 0n;
  }

  async list<T>(
    kind: DocumentKind<T>,
    page: { ref?: string; after?: string; dueByMs?: number; limit: number },
  ): Promise<StoredDocument<T>[]> {
    let query = this.#db
      .selectFrom("documents")
      .select(["id", "ref", "due_ms", "document"])
      .where("kind", "=", kind.name)
      .limit(page.limit);
    if (page.ref !== undefined) query = query.where("ref", "=", page.ref);
    if (page.after !== undefined) query = query.where("id", ">", page.after);
    if (page.dueByMs !== undefined) {
      query = query.where("due_ms", "<=", page.dueByMs).orderBy("due_ms");
    }
    const rows = await query.orderBy("id").execute();
    return rows.map((row) => ({
      id: row.id,
      ref: row.ref,
      dueMs: row.due_ms === null ? null : Number(row.due_ms),
      value: JSON.parse(row.document),
    }));
  }

  async count<T>(kind: DocumentKind<T>, filter: { ref?: string } = {}): Promise<number> {
    let query = this.#db
      .selectFrom("documents")
      .select((e) => e.fn.countAll().as("count"))
      .where("kind", "=", kind.name);
    if (filter.ref !== undefined) query = query.where("ref", "=", filter.ref);
    return Number((await query.executeTakeFirstOrThrow()).count);
  }
}
