/** Makes the calls that go with claims, transfers and decommissions. All state is in the store: an agent killed between a
 *  call and its note makes the call once more, under the same key. */
import type { Clock, Log, Random } from "./core/ports.ts";
import { type ProvisioningEdge, takeCallAnswer } from "./core/provisioning/book.ts";
import { requestWaitMs, sagasPerTurnMax } from "./core/provisioning/limits.ts";
import { nextCall, type Saga } from "./core/provisioning/saga.ts";
import { forgetSagas, openSagas } from "./core/provisioning/store.ts";
import type { HookCaller } from "./outputs/hook.ts";
import type { Store } from "./storage/store.ts";

export interface Provisioner {
  /** Makes the calls of one saga that are due, until one has to be repeated later or the time of a request is over.
   *  Never throws. */
  run(id: string): Promise<void>;
  /** Makes the calls that are due, of all devices side by side. Never throws. */
  turn(): Promise<void>;
  /** Ends the attempts that are under way, unnoted: the next start makes them again. */
  stop(): void;
}

export function createProvisioner(deps: {
  store: Store;
  clock: Clock;
  steadyMs(): number;
  random: Random;
  log: Log;
  caller: HookCaller;
  /** names of the outputs that are about billing */
  outputs: readonly string[];
  /** told which device has something waiting */
  nudge(serial: string): void;
}): Provisioner {
  const { store, log } = deps;
  const ending = new AbortController();
  /** A saga is run once at a time, whoever asks for it. */
  const busy = new Map<string, Promise<void>>();
  const edge = (): ProvisioningEdge => ({
    ...{ random: deps.random, nowMs: deps.clock.nowMs() },
    ...{ steadyMs: deps.steadyMs(), outputs: deps.outputs },
  });

  async function runDue(id: string): Promise<void> {
    const untilMs = deps.steadyMs() + requestWaitMs;
    let saga = await store.tx((tx) => dueSaga(tx, id));
    while (saga && !ending.signal.aborted && deps.steadyMs() < untilMs) {
      const call = nextCall(saga)!;
      const answer = await deps.caller.call(saga, call, ending.signal);
      if (ending.signal.aborted) return;
      const before: Saga = saga;
      const after = await store.tx((tx) => takeCallAnswer(tx, { id, call, answer }, edge()));
      if (answer.kind !== "passed") {
        const { name } = saga.steps[call.at]!;
        log.warn({ id, hook: name, action: call.action, answer }, "a hook did not pass");
      }
      if (after?.isAdmitted && !before.isAdmitted) deps.nudge(after.serial);
      saga = after && (await store.tx((tx) => dueSaga(tx, id)));
    }
  }

  async function dueSaga(tx: Parameters<Parameters<Store["tx"]>[0]>[0], id: string) {
    const saga = await tx.documents.get(openSagas, id);
    if (!saga) return null;
    const page = { ref: saga.serial, dueByMs: deps.steadyMs(), limit: 100 };
    const due = await tx.documents.list(openSagas, page);
    return due.some((one) => one.id === id) ? saga : null;
  }

  function run(id: string): Promise<void> {
    const running = busy.get(id);
    if (running) return running;
    const work = runDue(id)
      .catch((err: unknown) =>
        log.error({ err, id }, "hooks could not be called; the next turn tries again"),
      )
      .finally(() => busy.delete(id));
    busy.set(id, work);
    return work;
  }

  return {
    run,
    stop: () => ending.abort(),
    async turn() {
      try {
        const page = { dueByMs: deps.steadyMs(), limit: sagasPerTurnMax };
        const due = await store.tx((tx) => tx.documents.list(openSagas, page));
        await Promise.all(due.map(({ id }) => run(id)));
        await store.tx((tx) => forgetSagas(tx, deps.steadyMs()));
      } catch (err) {
        log.error({ err }, "hooks could not be looked at; the next turn tries again");
      }
    },
  };
}
