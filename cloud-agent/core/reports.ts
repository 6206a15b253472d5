/** What speaks for a release before anybody gets it: reports of its rehearsal and of its tests. A report is stored as the
 *  very bytes that were sent, under their digest, and says which images it is about, so that it cannot speak for others. */
import { createHash } from "node:crypto";
import { z } from "zod";
import type { Tx } from "../storage/store.ts";
import { documentKind } from "./documents.ts";
import { AgentCode, AgentError } from "./errors.ts";
import type { ReleaseRecord } from "./records.ts";

export type ReportKind = "rehearsal" | "tests";
export const reportKinds: ReportKind[] = ["rehearsal", "tests"];

const reportSchema = z.object({
  kind: z.enum(["rehearsal", "tests"]),
  sequence: z.number().int().min(1).max(0xffff_ffff),
  /** hex SHA-256 of every payload it is about */
  images: z
    .array(z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hex digits"))
    .min(1)
    .max(64),
  passed: z.boolean(),
  /** one or two sentences for people */
  summary: z.string().min(3).max(500),
});
// Whoever writes a report may say more in it; what is named above is what counts.
type ReportFields = z.output<typeof reportSchema>;

export interface StoredReport extends ReportFields {
  /** hex SHA-256 of the bytes */
  digest: string;
  /** the bytes, base64 */
  bytes: string;
  receivedMs: number;
  person: string;
}

/** What a release is published with, and keeps. */
export interface Evidence {
  digest: string;
  summary: string;
}

export const reports = documentKind<StoredReport>("releaseReport");

/** Stores a report; the same bytes again change nothing.
 *  @throws AgentError ReportInvalid */
export async function takeReport(
  tx: Tx,
  sent: { bytes: Uint8Array; person: string },
  nowMs: number,
): Promise<StoredReport> {
  const digest = createHash("sha256").update(sent.bytes).digest("hex");
  const known = await tx.documents.get(reports, digest);
  if (known) return known;
  const fields = readReport(sent.bytes);
  const bytes = Buffer.from(sent.bytes).toString("base64");
  const report: StoredReport = {
    ...fields,
    ...{ digest, bytes, receivedMs: nowMs, person: sent.person },
  };
  await tx.documents.put(reports, { id: digest, ref: String(fields.sequence), value: report });
  const { kind, sequence, passed, summary } = fields;
  const text = `${sent.person} sent the ${kind} report of release ${sequence}, which ${passed ? "passed" : "failed"}: ${summary}`;
  await tx.appendEvent({ kind: "reportReceived", sequence, text, data: { digest, passed } }, nowMs);
  return report;
}

/** @throws AgentError NotFound */
export async function needReport(tx: Tx, digest: string): Promise<StoredReport> {
  const report = await tx.documents.get(reports, digest);
  if (report) return report;
  throw new AgentError(AgentCode.NotFound, `report ${digest.slice(0, 16)}: none has this digest`);
}

/** Refuses a release that says too little, or that nothing speaks for.
 *  @param given digest and summary by kind, as the publisher names them
 *  @returns what the release keeps
 *  @throws AgentError ReleaseIncomplete, EvidenceMissing, EvidenceWrong */
export async function checkEvidence(
  tx: Tx,
  release: ReleaseRecord,
  given: Partial<Record<ReportKind, Evidence>>,
  nowMs: number,
): Promise<Record<ReportKind, Evidence>> {
  checkComplete(release, nowMs);
  for (const kind of reportKinds) {
    const evidence = given[kind];
    if (!evidence) {
      throw new AgentError(
        AgentCode.EvidenceMissing,
        `release ${release.sequence}: expected the digest of its ${kind} report, got none`,
      );
    }
    const report = await tx.documents.get(reports, evidence.digest);
    const wrong = report === null ? "was never sent here" : misfit(release, kind, evidence, report);
    if (wrong === null) continue;
    throw new AgentError(
      AgentCode.EvidenceWrong,
      `release ${release.sequence}: ${kind} report ${evidence.digest.slice(0, 16)} ${wrong}`,
    );
  }
  return given as Record<ReportKind, Evidence>;
}

function checkComplete(release: ReleaseRecord, nowMs: number): void {
  const missing = missingWords(release, nowMs);
  if (missing === null) return;
  throw new AgentError(
    AgentCode.ReleaseIncomplete,
    `release ${release.sequence} (${release.type}): ${missing}`,
  );
}

function missingWords({ notes, supportUntil }: ReleaseRecord, nowMs: number): string | null {
  if (notes.trim().length < 3) return "expected notes for its owners, got none";
  if (!supportUntil) return "expected a day until which it is supported, got none";
  const endMs = Date.parse(`${supportUntil}T23:59:59Z`);
  return endMs >= nowMs ? null : `expected support beyond today, it ends ${supportUntil}`;
}

/** What is wrong with a report for this release, as the end of a sentence; null for nothing. */
function misfit(
  release: ReleaseRecord,
  kind: ReportKind,
  evidence: Evidence,
  report: StoredReport,
): string | null {
  if (report.kind !== kind) return `is a ${report.kind} report`;
  if (report.sequence !== release.sequence) return `is about release ${report.sequence}`;
  const missing = release.images.filter(({ digest }) => !report.images.includes(digest));
  if (missing.length > 0) {
    return `is about other images: none with the digest for ${missing.map(({ board }) => board).join(", ")}`;
  }
  if (!report.passed) return `failed: ${report.summary}`;
  return report.summary === evidence.summary ? null : "has another summary than the one given";
}

/** Reads a report as a release's publisher sends it. @throws AgentError ReportInvalid */
export function readReport(bytes: Uint8Array): ReportFields {
  const refuse = (text: string): never => {
    throw new AgentError(AgentCode.ReportInvalid, `report: ${text}`);
  };
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (error) {
    return refuse(`expected JSON, got: ${(error as Error).message}`);
  }
  const parsed = reportSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return refuse(`${issue!.path.join(".") || "all of it"}: ${issue!.message}`);
}
