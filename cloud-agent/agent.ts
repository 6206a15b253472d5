/** The agent as one object: composes store, device service, HTTP API and rollout loop. */

import { existsSync, mkdirSync, readFileSync, statSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { createAlertLoop } from "./alertLoop.ts";
import { lookPauseMs } from "./core/alerts/limits.ts";
import type { AlertSettings } from "./core/alerts/settings.ts";
import { certificatePublicKey, certifyWipe } from "./core/certificates.ts";
import { AgentCode, AgentError } from "./core/errors.ts";
import type { AgentPorts, Clock, DeviceService, Log, Random } from "./core/ports.ts";
import { prudentNowMs } from "./core/presence/listening.ts";
import { hooksFor } from "./core/provisioning/settings.ts";
import { challengesSinceS, raiseReservations } from "./core/restore.ts";
import { rollPauseMs } from "./core/vitals/limits.ts";
import { addFleetMetrics } from "./fleetMetrics.ts";
import { withHistory } from "./history.ts";
import { createToken, hashToken } from "./http/auth.ts";
import { buildServer } from "./http/server.ts";
import { createKeySetWatch } from "./keySetWatch.ts";
import { createMaintenanceWatch } from "./maintenanceWatch.ts";
import { createOffers, LabOffers } from "./offers.ts";
import { createHookCaller } from "./outputs/hook.ts";
import type { Output } from "./outputs/port.ts";
import { createSender } from "./outputs/sender.ts";
import { openPayloads, payloadDeps } from "./payloads/deps.ts";
import { createOutputs, outputsAbout, readAlertSettings } from "./platform/alertSettings.ts";
import type { AgentConfig } from "./platform/config.ts";
import { readHooks } from "./platform/hookSettings.ts";
import { watchHost } from "./platform/host.ts";
import { certificateKey } from "./platform/keys.ts";
import { type MasterKeys, masterKeyCheck, openMasterKeys } from "./platform/masterKeys.ts";
import { createMetrics, type Metrics } from "./platform/metrics.ts";
import { breathe, every } from "./platform/timer.ts";
import { openPresenceWatch, type PresenceWatch } from "./presenceWatch.ts";
import { createProvisioner, type Provisioner } from "./provisioner.ts";
import { createReconciler, type Reconciler } from "./reconciler.ts";
import { createRolloutLoop } from "./rolloutLoop.ts";
import { createDeviceService } from "./session/service.ts";
import { openPostgresStore } from "./storage/postgres.ts";
import { openSqliteStore } from "./storage/sqlite.ts";
import type { Store } from "./storage/store.ts";
import { createVitalsKeeper } from "./vitalsKeeper.ts";

export interface AgentEdges {
  clock: Clock;
  random: Random;
  log: Log;
  /** told the first administrator's token when it had to be made; it can be had nowhere else */
  showAdminToken(token: string): void;
}

export interface Agent {
  /** @returns once devices and people can connect */
  start(): Promise<void>;
  /** Ends what is under way, then closes the store. Safe to call twice. */
  stop(): Promise<void>;
  /** after start; for example "http://127.0.0.1:8080" */
  readonly httpUrl: string;
  readonly brokerPort: number;
  /** for tests and the demo, after start */
  readonly store: Store;
}

/** Composes an agent; nothing runs before `start`. */
export function createAgent(config: AgentConfig, edges: AgentEdges): Agent {
  let parts: Parts | null = null;
  let starting: Promise<Parts> | null = null;
  let stopping: Promise<void> | null = null;
  const running = (): Parts => {
    if (parts) return parts;
    throw new AgentError(AgentCode.Internal, "agent: expected a started one");
  };
  return {
    async start() {
      starting ??= startParts(config, edges);
      parts = await starting;
    },
    stop() {
      // Also while it starts; an agent that could not start has closed what it had opened.
      stopping ??= starting ? starting.then(stopParts, () => undefined) : Promise.resolve();
      return stopping;
    },
    get httpUrl() {
      return running().httpUrl;
    },
    get brokerPort() {
      return running().brokerPort;
    },
    get store() {
      return running().store;
    },
  };
}

interface Parts {
  store: Store;
  service: DeviceService;
  server: Awaited<ReturnType<typeof buildServer>>;
  httpUrl: string;
  brokerPort: number;
  stopLoop(): Promise<void>;
  setReady(ready: boolean): void;
}

async function startParts(config: AgentConfig, edges: AgentEdges): Promise<Parts> {
  mkdirSync(config.data, { recursive: true, mode: 0o700 });
  const metrics = createMetrics();
  const watched = metrics.watchStore(await openStore(config, edges.log));
  const store = withHistory(watched, edges.clock);
  try {
    return await startOver(store, config, edges, metrics);
  } catch (cause) {
    await store.close();
    throw cause;
  }
}

/** The database that the settings name. */
function openStore({ databaseUrl, data, durability }: AgentConfig, log: Log): Promise<Store> {
  if (databaseUrl === undefined)
    return openSqliteStore({ path: join(data, "fleet.db"), durability });
  const onError = (err: Error) => log.error({ err }, "a database connection broke");
  return openPostgresStore({ url: databaseUrl, onError });
}

async function startOver(
  store: Store,
  config: AgentConfig,
  edges: AgentEdges,
  metrics: Metrics,
): Promise<Parts> {
  const { clock, random, log } = edges;
  const dataIsNew = (await store.tx((tx) => tx.meta("kmCheck"))) === null;
  const masterKeys = await openMasterKeys(
    {
      dataDir: config.data,
      activeId: config.kmId,
      kmHex: config.km,
      otherIds: config.kmIds,
      command: config.kmCommand,
      dataIsNew,
    },
    random,
  );
  // Both files exist before the database says so: an agent killed in its first start can begin again.
  const signingKey = certificateKey({ dataDir: config.data, dataIsNew });
  await checkMasterKeys(store, masterKeys, edges);
  await firstAdministrator(store, config, edges);
  await recordStart(store, edges);
  await raiseAfterRestore(store, config, edges);

  const presence = await openPresenceWatch({ store, clock, log });
  const { steadyMs } = presence;
  const alertSettings = readAlertSettings(config.alerts);
  const outputs = createOutputs(alertSettings.outputs, { clock, log });
  const hooks = readHooks(config.hooks);
  const lab = new LabOffers();
  const payloads = openPayloads(config, { clock, log });
  const ports: AgentPorts = {
    store,
    clock,
    steadyMs,
    random,
    log,
    measured: metrics.message,
    keys: { km: masterKeys.get, activeId: masterKeys.activeId },
    config: {
      mqttPort: config.mqttPort,
      mqttHost: config.mqttHost,
      ...{ mqttUrl: config.mqttUrl, mqttShare: config.mqttShare },
      checkInS: config.checkInS,
      lab: config.lab,
      challengesSinceS: await store.tx(challengesSinceS),
      coding: config.coding,
    },
    ...createOffers({ clock, lab, payloads }),
    labOffer: (serial) => lab.get(serial),
    certify: (tx, device, receipt) =>
      certifyWipe(tx, device, receipt, { signingKey, nowMs: clock.nowMs() }),
  };
  const service = createDeviceService(ports);
  const nudge = (serial: string) => service.nudge(serial);
  const provisioner = createProvisioner({
    ...{ store, clock, steadyMs, random, log, nudge },
    caller: createHookCaller(hooks, clock),
    outputs: outputsAbout(alertSettings, "billing"),
  });
  const reconciler = createReconciler({
    ...{ store, clock, steadyMs, log },
    settings: {
      ...{ hour: config.reconcileHour, zone: config.reconcileZone },
      inactiveDays: config.reconcileInactiveDays,
    },
    outputs: outputsAbout(alertSettings, "reconciliation"),
    breathe,
  });
  addFleetMetrics(metrics, store, service);
  let isReady = false;
  const server = await buildServer({
    ...{ store, clock, steadyMs, random, log, lab },
    payloads: payloadDeps(payloads, masterKeys),
    config: {
      lab: config.lab,
      checkInS: config.checkInS,
      // A lab's releases are made to be bad; nobody rehearses them.
      releaseGate: config.lab ? "open" : config.releaseGate,
      approvalsMin: config.approvalsMin,
      claimRequires: config.claimRequires,
    },
    releaseKeyFiles: () => readReleaseKeys(config),
    outputs: outputs.map(({ name }) => name),
    outputsAbout: (topic) => outputsAbout(alertSettings, topic),
    reconcile: reconciler,
    hooks: { plan: (event) => hooksFor(hooks, event), run: (id) => provisioner.run(id) },
    certificatePublicKey: hex(certificatePublicKey(signingKey)),
    ...{ nudge, metrics },
    isReady: () => isReady && service.isConnected(),
    every,
  });
  const { brokerPort } = await service.start();
  const httpUrl = await server
    .listen({ host: config.httpHost, port: config.httpPort })
    .catch(async (cause: unknown) => {
      await service.stop();
      throw cause;
    });
  const loop = createRolloutLoop({
    ...{ store, clock, steadyMs, random, log, nudge },
  });
  const watch = createKeySetWatch({ store, log, read: () => readReleaseKeys(config) });
  const keeping = keepFleet({
    ...{ store, config, edges, presence, service, alertSettings, outputs, provisioner, reconciler },
  });
  const stopTurns = every(config.tickMs, async () => {
    await watch.turn();
    await presence.turn();
    await loop.turn();
  });
  const stopLoop = async () => {
    await Promise.all([stopTurns(), keeping.stop()]);
  };
  isReady = true;
  return {
    ...{ store, service, server, httpUrl, brokerPort, stopLoop },
    setReady: (ready) => {
      isReady = ready;
    },
  };
}

/** What goes on beside rollouts, each at its own pace: a webhook that does not answer holds up nothing else. */
function keepFleet(parts: {
  store: Store;
  config: AgentConfig;
  edges: AgentEdges;
  presence: PresenceWatch;
  service: DeviceService;
  alertSettings: AlertSettings;
  outputs: Output[];
  provisioner: Provisioner;
  reconciler: Reconciler;
}): { stop(): Promise<void> } {
  const { store, config, edges, presence } = parts;
  const base = { ...edges, store, steadyMs: presence.steadyMs };
  const host = watchHost(config.data);
  const keeper = createVitalsKeeper({
    ...base,
    policy: {
      ...{ rawDays: config.vitalsRawDays, hourDays: config.vitalsHourDays },
      ...{ dayDays: config.vitalsDayDays, rawRowsMax: config.vitalsRawRowsMax },
    },
    prudentNowMs: () => prudentNowMs(presence.listening()),
  });
  const alerts = createAlertLoop({
    ...base,
    settings: parts.alertSettings,
    gateways: () => parts.service.gateways(),
    host: () => host.read(),
  });
  const sender = createSender({ ...base, outputs: parts.outputs });
  const maintenance = createMaintenanceWatch({
    ...base,
    nudge: (serial) => parts.service.nudge(serial),
  });
  const stops = [
    every(lookPauseMs, () => maintenance.turn()),
    every(lookPauseMs, () => parts.reconciler.turn()),
    every(rollPauseMs, () => keeper.turn()),
    every(config.tickMs, () => alerts.turn()),
    every(config.tickMs, () => sender.turn()),
    every(config.tickMs, () => parts.provisioner.turn()),
  ];
  return {
    async stop() {
      sender.stop();
      parts.provisioner.stop();
      await Promise.all(stops.map((stop) => stop()));
      host.stop();
    },
  };
}

/** Nothing new is begun, what is under way ends, and the store closes last. */
async function stopParts(parts: Parts): Promise<void> {
  parts.setReady(false);
  await parts.stopLoop();
  await parts.server.close();
  await parts.service.stop();
  await parts.store.close();
}

/** A wrong master key would answer every device with a wrong MAC; it is found before the first one asks. A number that is
 *  new here is noted and told in the log. */
async function checkMasterKeys(store: Store, keys: MasterKeys, edges: AgentEdges): Promise<void> {
  await store.tx(async (tx) => {
    const known: Record<string, string> = JSON.parse((await tx.meta("kmCheck")) ?? "{}");
    for (const id of keys.ids) {
      const check = masterKeyCheck(keys.get(id)!);
      known[id] ??= check;
      if (known[id] === check) continue;
      throw new AgentError(
        AgentCode.KeyFileInvalid,
        `master key ${id}: expected the one this database was made with, got another`,
      );
    }
    const text = JSON.stringify(known);
    if (text !== (await tx.meta("kmCheck"))) await tx.putMeta("kmCheck", text);
    const before = await tx.meta("kmActive");
    if (before === String(keys.activeId)) return;
    await tx.putMeta("kmActive", String(keys.activeId));
    if (before === null) return;
    const words = `Master key ${keys.activeId} is the active one now; it was ${before}.`;
    await tx.appendEvent({ kind: "masterKeyRotated", text: words }, edges.clock.nowMs());
  });
}

/** A gap in the log is explained by the start after it. */
async function recordStart(store: Store, edges: AgentEdges): Promise<void> {
  const text = "The agent started and goes on where its data ends.";
  await store.tx((tx) => tx.appendEvent({ kind: "agentStarted", text }, edges.clock.nowMs()));
}

/** Whoever puts a backup in place leaves a file `restored` beside it; it goes once everything is raised, so that an agent
 *  killed in between begins again. */
async function raiseAfterRestore(
  store: Store,
  config: AgentConfig,
  { clock, log }: AgentEdges,
): Promise<void> {
  const path = join(config.data, "restored");
  if (!existsSync(path)) return;
  await store.tx((tx) => raiseReservations(tx, clock.nowMs()));
  unlinkSync(path);
  log.warn({}, "restored from a backup: reservations raised, leases held");
}

/** A given token is always an administrator's; without one, the first start makes one and shows it once. */
async function firstAdministrator(
  store: Store,
  config: AgentConfig,
  edges: AgentEdges,
): Promise<void> {
  const edge = { random: edges.random, nowMs: edges.clock.nowMs() };
  const admin = { role: "admin" as const, name: "admin", expiresMs: null };
  const given = config.adminToken;
  const made = await store.tx(async (tx) => {
    if (given !== undefined) {
      const known = await tx.tokenByHash(hashToken(given));
      if (!known) await createToken(tx, { ...admin, token: given }, edge);
      return null;
    }
    if ((await tx.tokens()).length > 0) return null;
    return createToken(tx, admin, edge);
  });
  if (made) edges.showAdminToken(made.token);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** Read at each publication, so that a new key set counts without a restart. */
function readReleaseKeys(config: AgentConfig): Uint8Array[] {
  const path = config.releaseKeys ?? join(config.data, "release-keys");
  const names = existsSync(path) ? [path] : [`${path}.json`, `${path}.cbor`];
  const files: string[] = [];
  for (const name of names) {
    if (!existsSync(name)) continue;
    if (!statSync(name).isDirectory()) files.push(name);
    else {
      for (let version = 1; existsSync(join(name, `keyset-${version}.cbor`)); version++) {
        files.push(join(name, `keyset-${version}.cbor`));
      }
    }
  }
  return files.map((file) => new Uint8Array(readFileSync(file)));
}
