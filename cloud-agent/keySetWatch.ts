/** Looks for key sets that were put beside the old ones, so that devices are told of them without a publication. */
import { createHash } from "node:crypto";
import type { Log } from "./core/ports.ts";
import { acceptReleaseKeys } from "./core/releaseKeys.ts";
import type { Store } from "./storage/store.ts";

/** Built once per agent. @param deps.read content of the release key files as they are now */
export function createKeySetWatch(deps: { store: Store; log: Log; read(): Uint8Array[] }) {
  let seen = "";
  return {
    /** Takes the files when they changed since the last turn. Never throws: what is wrong with them is told in the log, once. */
    async turn(): Promise<void> {
      try {
        const files = deps.read();
        const hash = createHash("sha256");
        for (const file of files) hash.update(file);
        const now = hash.digest("hex");
        if (now === seen) return;
        seen = now;
        if (files.length === 0) return;
        const { chain } = await deps.store.tx((tx) => acceptReleaseKeys(tx, files));
        const version = chain.at(-1)?.keySet.version;
        if (version !== undefined) deps.log.info({ version }, "key sets accepted");
      } catch (err) {
        deps.log.error(
          { err },
          "the release key files were not accepted; the key sets from before stand",
        );
      }
    },
  };
}
