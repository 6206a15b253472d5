import type { Command } from "commander";
import { type AuditHead, type AuditRecord, auditFault } from "../../../cloud-agent/core/audit.ts";
import {
  ApiError,
  type ApiFlags,
  callApi,
  columns,
  path,
  show,
  withApiFlags,
} from "../api/client.ts";
import { timeText } from "../api/time.ts";

interface Page {
  records: AuditRecord[];
  head: AuditHead;
}

const pageMax = 1000;
const verifyExample = `
Reads the whole chain and computes every hash anew. Note the head somewhere the agent cannot write, and give it next time:
a chain that was written anew from the beginning does not hold it.

Examples:
  $ fleetling audit verify
  $ fleetling audit verify --head 3f1c…
`;

/** Adds `fleetling audit list | verify`. */
export function register(program: Command): void {
  const audit = program.command("audit").description("Who asked the agent for what");
  withApiFlags(audit.command("list"))
    .description("Requests that may have changed something, oldest first")
    .option("--from <index>", "records from this one on", "0")
    .option("--limit <n>", "at most so many", "100")
    .addHelpText("after", "\nExample:\n  $ fleetling audit list --from 1200 --json\n")
    .action(async (flags: ApiFlags & { from: string; limit: string }) => {
      const page = await callApi<Page>(
        flags,
        "GET",
        path`/v1/audit?fromIndex=${flags.from}&limit=${flags.limit}`,
      );
      const rows = page.records.map((one) => [
        ...[one.index, timeText(one.atMs), one.person, one.role],
        ...[one.method, one.path],
        one.answers === null ? "asked" : `${one.status} to ${one.answers}`,
      ]);
      const head = ["record", "time", "person", "role", "method", "path", "what"];
      show(flags, page, columns(head, rows));
    });
  withApiFlags(audit.command("verify"))
    .description("Check that no record was changed, left out or put in")
    .option("--head <hash>", "a head that an earlier check printed")
    .addHelpText("after", verifyExample)
    .action(async (flags: ApiFlags & { head?: string }) => {
      let last: AuditHead | undefined;
      let hasHead = flags.head === undefined;
      let count = 0;
      for (;;) {
        const from = last ? last.index + 1 : 0;
        const page = await callApi<Page>(
          flags,
          "GET",
          path`/v1/audit?fromIndex=${from}&limit=${pageMax}`,
        );
        const fault = auditFault(page.records, last);
        if (fault) throw broken(fault);
        hasHead ||= page.records.some(({ hash }) => hash === flags.head);
        count += page.records.length;
        last = page.records.at(-1) ?? last;
        if (page.records.length === pageMax) continue;
        if (last && page.head.index < last.index) throw broken("its head is older than its end");
        break;
      }
      if (!hasHead) throw broken(`head ${flags.head}: expected it in the chain, found it nowhere`);
      const head = last?.hash ?? null;
      show(flags, { records: count, head }, [
        `${count} records, each as it was written`,
        ...(head ? [`head ${head}`] : []),
      ]);
    });
}

function broken(fault: string): ApiError {
  return new ApiError(
    "AUDIT_BROKEN",
    `AUDIT_BROKEN: audit log: ${fault}. Somebody wrote to the database besides the agent: keep a copy, and compare with a backup.`,
  );
}
