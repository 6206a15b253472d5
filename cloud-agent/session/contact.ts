import { Code } from "../../firmware/protocol/errors.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import { encodeHelloWanted, encodeRefused } from "../../firmware/protocol/host/handshake.ts";
import { helloWantedPauseMs, messageBytesMax } from "../../firmware/protocol/limits.ts";
import { Lifecycle, Msg } from "../../firmware/protocol/messages.ts";
import type { AgentPorts } from "../core/ports.ts";
import type { Tx } from "../storage/store.ts";
import { contactAnswers, sealAnswers } from "./answers.ts";
import { claimIntentIsOpen } from "./claim.ts";
import { type Incoming, keysOf, Refusal, type Step } from "./context.ts";
import { isAmbiguous, takeFrame } from "./frame.ts";
import { answerHello } from "./hello.ts";
import { takeProve } from "./prove.ts";
import { KeyedQueue } from "./queue.ts";
import { RateLimiter } from "./rateLimiter.ts";
import { takeReceipt } from "./receipt.ts";

export type Send = (bytes: Uint8Array) => void;

/** The device protocol over any carrier. */
export interface Contact {
  /** Takes one message. Resolves when it is dealt with; never rejects.
   *  @param route "fl" or "gw/ID"
   *  @param serialHint serial of the topic, null where the carrier names none */
  handle(route: string, serialHint: string | null, bytes: Uint8Array, send: Send): Promise<void>;
  /** Sends a reachable device what waits for it. @param send is given the device's last route */
  nudge(serial: string, send: (route: string, bytes: Uint8Array) => void): Promise<void>;
  /** Runs a job of one device in its turn. @returns null when too much is waiting */
  inTurn(serial: string, job: () => Promise<void>): Promise<void> | null;
  /** Records a refusal, not more often than the limit. */
  recordRefusal(serial: string, code: Code, text: string, route: string): Promise<void>;
  drained(): Promise<void>;
}

/** Unauthenticated messages per route and serial: a handshake needs two, its repeats a few more. */
const unauthenticatedLimit = { burst: 20, refillMs: 1_000 };
/** A device is told at most this often that it has to shake hands; it obeys no more often either. */
const helloWantedLimit = { burst: 1, refillMs: helloWantedPauseMs };
/** Events about refused messages of one serial: enough to see it happen, too few to fill the log. */
const refusalEventLimit = { burst: 10, refillMs: 60_000 };

/** Builds the protocol side of the agent. It keeps no truth in memory: another one over the same store goes on where this
 *  one stopped. */
export function createContact(ports: AgentPorts): Contact {
  const queue = new KeyedQueue((key, err) =>
    ports.log.error({ key, err }, "a device's message was not dealt with"),
  );
  const unauthenticated = new RateLimiter(unauthenticatedLimit);
  const helloWanted = new RateLimiter(helloWantedLimit);
  const refusalEvents = new RateLimiter(refusalEventLimit);

  async function recordRefusal(serial: string, code: Code, text: string, route: string) {
    const nowMs = ports.clock.nowMs();
    if (!refusalEvents.allows(`${serial} ${code}`, nowMs)) return;
    await ports.store.tx(async (tx) => {
      const event = { kind: "messageRefused", serial, code, text, data: { route } };
      if (await tx.device(serial)) await tx.appendEvent(event, nowMs);
    });
  }

  async function refuse(incoming: Incoming, error: unknown, send: Send): Promise<void> {
    const { route, serialHint } = incoming;
    if (!(error instanceof CodedError)) {
      ports.log.error({ route, serial: serialHint, err: error }, "a message was not handled");
      return;
    }
    // A malformed HELLO is as unauthenticated as any other: it leaves no trace.
    const isHello = incoming.bytes[0] !== Msg.Frame && incoming.bytes[1] === Msg.Hello;
    const options = error instanceof Refusal ? error.options : { isRecorded: !isHello };
    const serial = options.serial ?? serialHint;
    ports.log.debug({ route, serial, code: error.code }, error.message);
    if (options.isRecorded && serial !== null) {
      await recordRefusal(serial, error.code, error.message, route);
    }
    if (options.retryAfterS !== undefined) send(encodeRefused(error.code, options.retryAfterS));
  }

  async function handleOne(incoming: Incoming, send: Send): Promise<void> {
    const { route, serialHint, bytes, nowMs } = incoming;
    const isFrame = bytes[0] === Msg.Frame;
    const key = `${route} ${serialHint}`;
    if (!isFrame && !unauthenticated.allows(key, nowMs)) return;
    const { answers, helloIsWanted } = await ports.store.tx(async (tx) => {
      const step: Step = { ports, tx, incoming };
      const answers = await dispatch(step);
      return { answers, helloIsWanted: answers === "unknownSession" || step.helloIsWanted };
    });
    if (answers !== "unknownSession") for (const answer of answers) send(answer);
    if (helloIsWanted && helloWanted.allows(key, nowMs)) send(encodeHelloWanted());
  }

  async function handle(
    route: string,
    serialHint: string | null,
    bytes: Uint8Array,
    send: Send,
  ): Promise<void> {
    const job = async () => {
      const incoming = { route, serialHint, bytes, nowMs: ports.clock.nowMs() };
      try {
        await handleOne(incoming, send);
      } catch (error) {
        await refuse(incoming, error, send);
      }
    };
    const ran = queue.run(serialHint ?? `route ${route}`, job);
    if (ran) await ran;
    else ports.log.debug({ route, serial: serialHint }, "message dropped: too many are waiting");
  }

  async function nudge(serial: string, send: (route: string, bytes: Uint8Array) => void) {
    const job = async () => {
      const result = await ports.store.tx((tx) => waiting(ports, tx, serial));
      if (result) for (const frame of result.frames) send(result.route, frame);
    };
    await queue.run(serial, () =>
      job().catch((err) => ports.log.warn({ serial, err }, "nothing could be sent")),
    );
  }

  return {
    handle,
    nudge,
    recordRefusal,
    inTurn: (serial, job) => queue.run(serial, job),
    drained: () => queue.drained(),
  };
}

/** Reads the first byte that tells the messages apart and hands over.
 *  @throws CodedError */
async function dispatch(step: Step): Promise<Uint8Array[] | "unknownSession"> {
  const { bytes } = step.incoming;
  if (bytes.length > messageBytesMax) {
    const text = `message: at most ${messageBytesMax} bytes, got ${bytes.length}`;
    throw new Refusal(Code.MessageTooLong, text, { isRecorded: true });
  }
  if (bytes[0] === Msg.Frame) return takeFrame(step);
  // A plain message is a CBOR array of fewer than 24 items whose first item is its number.
  switch (bytes[1]) {
    case Msg.Hello:
      return answerHello(step);
    case Msg.Prove:
      return takeProve(step);
    case Msg.Receipt:
      return takeReceipt(step);
    default:
      throw new Refusal(Code.MessageMalformed, "message: unknown number", { isRecorded: true });
  }
}

/** What can be sent to a device that did not ask. A claim needs a handshake, because only PROVE carries the possession
 *  proof; so does a device without a session. */
async function waiting(
  ports: AgentPorts,
  tx: Tx,
  serial: string,
): Promise<{ route: string; frames: Uint8Array[] } | null> {
  const device = await tx.device(serial);
  if (!device || device.lifecycle === Lifecycle.Retired) return null;
  const route = device.route || "fl";
  const session = await tx.session(serial);
  if (!session || claimIntentIsOpen(device) || isAmbiguous(device, session)) {
    return { route, frames: [encodeHelloWanted()] };
  }
  const nowMs = ports.clock.nowMs();
  const incoming: Incoming = { route, serialHint: serial, bytes: new Uint8Array(0), nowMs };
  const step: Step = { ports, tx, incoming };
  const answers = await contactAnswers(step, device, session, false);
  const sealed = sealAnswers(keysOf(ports, device, session), session, answers);
  await tx.putSession(sealed.session);
  return { route, frames: sealed.frames };
}
