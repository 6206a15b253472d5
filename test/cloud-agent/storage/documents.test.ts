import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { documentKind } from "../../../cloud-agent/core/documents.ts";
import type { Store } from "../../../cloud-agent/storage/store.ts";
import { storeKinds } from "../../support/stores.ts";

interface Paper {
  text: string;
}
const paper = documentKind<Paper>("paper");
const stone = documentKind<Paper>("stone");

describe.each(storeKinds)("$name:", (kind) => {
  describe.skipIf(!kind.isHere)("store", () => {
    let store: Store;
    beforeEach(async () => {
      store = await kind.open();
    });
    afterEach(() => store.close());

    const put = (id: string, ref: string | null = null, dueMs: number | null = null) =>
      store.tx((tx) => tx.documents.put(paper, { id, ref, dueMs, value: { text: id } }));
    const ids = (page: { ref?: string; after?: string; dueByMs?: number; limit: number }) =>
      store.tx(async (tx) => (await tx.documents.list(paper, page)).map(({ id }) => id));

    describe("documents", () => {
      it("come back by kind and id, and a second put replaces value, ref and due time", async () => {
        await put("a", "SN-1", 5);
        expect(await store.tx((tx) => tx.documents.get(paper, "a"))).toEqual({ text: "a" });
        expect(await store.tx((tx) => tx.documents.get(stone, "a"))).toBeNull();
        await store.tx((tx) => tx.documents.put(paper, { id: "a", value: { text: "new" } }));
        expect(await store.tx((tx) => tx.documents.list(paper, { limit: 9 }))).toEqual([
          { id: "a", ref: null, dueMs: null, value: { text: "new" } },
        ]);
      });
      it("are paged by id and found by what they belong to", async () => {
        for (const [id, ref] of [
          ["c", "SN-1"],
          ["a", "SN-1"],
          ["b", "SN-2"],
        ])
          await put(id!, ref!);
        expect(await ids({ limit: 2 })).toEqual(["a", "b"]);
        expect(await ids({ limit: 2, after: "b" })).toEqual(["c"]);
        expect(await ids({ limit: 9, ref: "SN-1" })).toEqual(["a", "c"]);
        const count = (ref?: string) =>
          store.tx((tx) => tx.documents.count(paper, ref ? { ref } : {}));
        expect([await count(), await count("SN-1"), await count("SN-9")]).toEqual([3, 2, 0]);
      });
      it("that are due come with the longest overdue first; what is never due is left out", async () => {
        await put("a", null, 30);
        await put("b", null, 10);
        await put("c", null, 20);
        await put("d");
        expect(await ids({ limit: 9, dueByMs: 20 })).toEqual(["b", "c"]);
      });
      it("are deleted once, and stay when their transaction fails", async () => {
        await put("a");
        const failing = store.tx(async (tx) => {
          await tx.documents.delete(paper, "a");
          throw new Error("changed my mind");
        });
        await expect(failing).rejects.toThrow("changed my mind");
        const remove = () => store.tx((tx) => tx.documents.delete(paper, "a"));
        expect([await remove(), await remove()]).toEqual([true, false]);
      });
    });
  });
});
