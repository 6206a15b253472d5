import type { IncomingMessage, ServerResponse } from "node:http";
import type { TypeBoxTypeProvider } from "@fastify/type-provider-typebox";
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from "fastify";
import type { OutputTopic } from "../core/alerts/settings.ts";
import type { ClaimNeed } from "../core/ownership.ts";
import type { Clock, Log, Random } from "../core/ports.ts";
import type { HookPlan, SagaEvent } from "../core/provisioning/saga.ts";
import type { Reconciliation } from "../core/reconcile.ts";
import type { DeviceRecord } from "../core/records.ts";
import type { LabOffers } from "../offers.ts";
import type { Metrics } from "../platform/metrics.ts";
import type { Store } from "../storage/store.ts";

/** What the routes need from the rest of the agent. */
export interface ApiDeps {
  store: Store;
  clock: Clock;
  /** the listening clock */
  steadyMs(): number;
  random: Random;
  log: Log;
  lab: LabOffers;
  payloads: {
    /** true: published payloads go to an origin, not into the database */
    hasOrigin: boolean;
    put(digest: string, bytes: Uint8Array): Promise<void>;
    load(digest: string, sizeBytes: number): Promise<Uint8Array>;
    /** signs links */
    linkKey: Uint8Array;
    /** present key of a device; null when its master key is not held here */
    deviceKey(device: DeviceRecord): Uint8Array | null;
  };
  config: {
    lab: boolean;
    checkInS: number;
    releaseGate: "full" | "open";
    approvalsMin?: number;
    claimRequires?: readonly ClaimNeed[];
  };
  /** content of the release key files as they are now, in order of version; none when there are none */
  releaseKeyFiles(): Uint8Array[];
  /** hex Ed25519 key that wipe certificates are checked with */
  certificatePublicKey: string;
  /** names of the configured outputs */
  outputs: string[];
  /** names of those that take what is about this */
  outputsAbout(topic: OutputTopic): string[];
  /** other systems that are asked about claims and decommissions */
  hooks: {
    /** those of an event, in order */
    plan(event: SagaEvent): HookPlan[];
    /** makes the calls of a saga that are due, for no longer than a request waits */
    run(id: string): Promise<void>;
  };
  reconcile: {
    /** looks at the whole fleet now. @param by who asked */
    run(by: string): Promise<Reconciliation>;
  };
  metrics: Pick<Metrics, "http" | "text" | "contentType">;
  /** something waits for this device */
  nudge(serial: string): void;
  /** false until devices can connect, and while the agent stops */
  isReady(): boolean;
  /** repeats work until the returned function is called */
  every(pauseMs: number, work: () => void): () => void;
}

/** A server whose routes are typed by their schemas. */
export type Api = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;
