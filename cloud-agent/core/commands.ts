/** Commands that a person gives to a device's app, and what its log holds. A command is a wish with an end; it goes out at
 *  each contact until the device tells its result, and the device runs it at most once (SPEC.md §14). */
import { Code } from "../../firmware/protocol/errors.ts";
import type { CloudMessage } from "../../firmware/protocol/host/cloudMessages.ts";
import type { CommandValue, OrderResult } from "../../firmware/protocol/host/orderResult.ts";
import { Lifecycle, ResetReason, SlotState } from "../../firmware/protocol/messages.ts";
import type { Tx } from "../storage/store.ts";
import { keepLog } from "./deviceLogs.ts";
import { documentKind } from "./documents.ts";
import { AgentCode, AgentError } from "./errors.ts";
import { needOperating } from "./lifecycle.ts";
import { commandsKeptMax, commandsOpenMax, crashLogMs, crashLogPauseMs } from "./limits.ts";
import type { DeviceRecord } from "./records.ts";

/** queued: not sent yet · sent, not answered yet · done · failed: it ran and threw, or a restart came in between ·
 *  refused by the device without running · expired without an answer */
export type CommandState = "queued" | "sent" | "done" | "failed" | "refused" | "expired";

export interface CommandRecord {
  serial: string;
  /** rises per device, never given twice; the device keeps the last one */
  id: number;
  /** null: tell the log */
  name: string | null;
  argument: CommandValue;
  person: string;
  /** key epoch: the next owner's device does not run it */
  epoch: number;
  createdMs: number;
  /** neither sent nor begun from then on */
  expiresMs: number;
  state: CommandState;
  /** last sent; null: never */
  sentMs: number | null;
  endedMs: number | null;
  /** the device's code; null while it has not answered */
  code: number | null;
  /** what it returned, or threw */
  result: CommandValue;
}

/** Due at its end while it is open. */
export const commands = documentKind<CommandRecord>("command");
const expiredAtOnceMax = 100;

const isOpen = ({ state }: CommandRecord) => state === "queued" || state === "sent";
// Ids sort as text.
const keyOf = (serial: string, id: number) => `${serial}/${String(id).padStart(10, "0")}`;
const called = ({ name }: CommandRecord) => (name === null ? "the log" : `command ${name}`);

/** Gives a command to a device.
 *  @param request.name null: to tell its log
 *  @throws AgentError those of needOperating, CommandUnknown, CommandsFull */
export async function orderCommand(
  tx: Tx,
  request: {
    serial: string;
    name: string | null;
    argument: CommandValue;
    forMs: number;
    person: string;
  },
  nowMs: number,
): Promise<CommandRecord> {
  const device = await needOperating(tx, request.serial);
  if (request.name !== null) await checkDeclared(tx, device, request.name);
  const placed = await place(tx, device, request, nowMs);
  await tx.putDevice(placed.device);
  return placed.command;
}

/** Holds a name against what the image that runs declares. Where that is not known, the device alone decides. */
async function checkDeclared(tx: Tx, device: DeviceRecord, name: string): Promise<void> {
  const { serial, runningSequence } = device;
  const release = await tx.release(runningSequence);
  const image = release?.images.find(({ classId }) => classId === device.birth.classId);
  if (!image?.commands || image.commands.includes(name)) return;
  const declared = image.commands.join(", ") || "none";
  throw new AgentError(
    Code.CommandUnknown,
    `device ${serial}: release ${runningSequence} declares commands ${declared}, got ${name}`,
  );
}

/** A start that began by a crash is asked at its first contact what it knows of that, but not more often than once an hour.
 *  @returns the device as it stands now */
export async function askAfterCrash(
  tx: Tx,
  device: DeviceRecord,
  nowMs: number,
): Promise<DeviceRecord> {
  const { resetReason, lifecycle, slotState } = device;
  const isInUse = lifecycle === Lifecycle.Operating || lifecycle === Lifecycle.Maintenance;
  if (!isInUse || slotState === SlotState.Recovery || !crashReasons.includes(resetReason))
    return device;
  if ((device.commands?.open ?? 0) >= commandsOpenMax) return device;
  const askedMs = device.commands?.crashAskedMs ?? Number.NEGATIVE_INFINITY;
  if (nowMs - askedMs < crashLogPauseMs) return device;
  const request = { name: null, argument: null, forMs: crashLogMs, person: "the agent" };
  const placed = await place(tx, device, request, nowMs);
  return { ...placed.device, commands: { ...placed.device.commands!, crashAskedMs: nowMs } };
}

const crashReasons: number[] = [ResetReason.Watchdog, ResetReason.Crash, ResetReason.BrownOut];

async function place(
  tx: Tx,
  device: DeviceRecord,
  request: { name: string | null; argument: CommandValue; forMs: number; person: string },
  nowMs: number,
): Promise<{ command: CommandRecord; device: DeviceRecord }> {
  const { name, argument, forMs, person } = request;
  const { serial } = device;
  const open = device.commands?.open ?? 0;
  if (open >= commandsOpenMax) {
    throw new AgentError(
      AgentCode.CommandsFull,
      `device ${serial}: expected fewer than ${commandsOpenMax} commands without a result, it has ${open}`,
    );
  }
  // Seconds, so that an agent restored from a backup does not give an id again.
  const id = Math.max((device.commands?.lastId ?? 0) + 1, Math.floor(nowMs / 1000));
  const command: CommandRecord = {
    ...{ serial, id, name, argument, person, epoch: device.epoch },
    ...{ createdMs: nowMs, expiresMs: nowMs + forMs, state: "queued" },
    ...{ sentMs: null, endedMs: null, code: null, result: null },
  };
  await put(tx, command);
  const what = name === null ? "asked for the log" : `ordered command ${name}`;
  await tx.appendEvent(
    {
      kind: "commandOrdered",
      serial,
      text: `${person} ${what} of ${serial}.`,
      data: { id, name, argument, person },
    },
    nowMs,
  );
  await forget(tx, serial);
  const kept = { ...device.commands, open: open + 1, lastId: id };
  return { command, device: { ...device, commands: kept } };
}

/** The message of the oldest open command that has not expired, noted as sent; null when there is none, or the device runs
 *  no app. */
export async function nextCommand(
  tx: Tx,
  device: DeviceRecord,
  nowMs: number,
): Promise<CloudMessage | null> {
  const { serial, lifecycle, slotState, epoch } = device;
  if (!device.commands?.open) return null;
  if (lifecycle !== Lifecycle.Operating && lifecycle !== Lifecycle.Maintenance) return null;
  if (slotState === SlotState.Recovery) return null;
  for (const { value: command } of await listed(tx, serial)) {
    if (!isOpen(command) || command.expiresMs <= nowMs || command.epoch !== epoch) continue;
    await put(tx, { ...command, state: "sent", sentMs: nowMs });
    const { id: orderId, expiresMs, name, argument } = command;
    return { kind: "command", orderId, untilS: Math.floor(expiresMs / 1000), name, argument };
  }
  return null;
}

/** Takes a device's answer to a command; an answer that comes after the command's end counts.
 *  @returns the device as it stands now; as it was when no such command waits for an answer */
export async function takeCommandResult(
  tx: Tx,
  device: DeviceRecord,
  answer: OrderResult,
  nowMs: number,
): Promise<DeviceRecord> {
  const { serial } = device;
  const command = await tx.documents.get(commands, keyOf(serial, answer.orderId));
  if (!command || command.sentMs === null || command.code !== null) return device;
  const state = stateOf(answer.code);
  const result = answer.value ?? null;
  const { code } = answer;
  await put(tx, { ...command, state, code, result, endedMs: nowMs });
  if (answer.log) await keepLog(tx, device, { ...answer.log, id: command.id }, nowMs);
  const { id, name } = command;
  const told = result === null ? "" : `: ${result}`;
  await tx.appendEvent(
    {
      kind: eventKinds[state],
      serial,
      code,
      sequence: device.runningSequence,
      text: `${capital(called(command))} of ${serial} ${endings[state]}${code === Code.Ok ? "" : ` (code ${code})`}${told}.`,
      data: { id, name, code, result },
    },
    nowMs,
  );
  return isOpen(command) ? closed(device) : device;
}

function stateOf(code: number): "done" | "failed" | "refused" | "expired" {
  switch (code) {
    case Code.Ok:
      return "done";
    case Code.CommandRan:
    case Code.CommandThrew:
    case Code.CommandResult:
      return "failed";
    case Code.CommandExpired:
      return "expired";
    default:
      return "refused";
  }
}

const endings = {
  done: "is done",
  failed: "failed",
  refused: "was refused",
  expired: "came too late",
};
const eventKinds = {
  done: "commandDone",
  failed: "commandFailed",
  refused: "commandRefused",
  expired: "commandExpired",
};

/** Ends commands whose time is over. @returns how many, at most 100 */
export async function expireCommands(tx: Tx, nowMs: number): Promise<number> {
  const due = await tx.documents.list(commands, { dueByMs: nowMs, limit: expiredAtOnceMax });
  for (const { value: command } of due) {
    await put(tx, { ...command, state: "expired", endedMs: nowMs });
    const device = await tx.device(command.serial);
    if (device) await tx.putDevice(closed(device));
    const { id, name, serial, sentMs } = command;
    const sent = sentMs === null ? "it was never sent" : "it was sent and not answered";
    const text = `${capital(called(command))} of ${serial} expired: ${sent}.`;
    await tx.appendEvent(
      { kind: "commandExpired", serial, text, data: { id, name, isSent: sentMs !== null } },
      nowMs,
    );
  }
  return due.length;
}

/** The commands of a device, newest first. */
export async function commandsOf(tx: Tx, serial: string): Promise<CommandRecord[]> {
  return (await listed(tx, serial)).map(({ value }) => value).reverse();
}

function closed(device: DeviceRecord): DeviceRecord {
  const { open = 0, lastId = 0 } = device.commands ?? {};
  return { ...device, commands: { ...device.commands, lastId, open: Math.max(0, open - 1) } };
}

function put(tx: Tx, command: CommandRecord): Promise<void> {
  const { serial, id, expiresMs } = command;
  const dueMs = isOpen(command) ? expiresMs : null;
  return tx.documents.put(commands, {
    ...{ id: keyOf(serial, id), ref: serial, dueMs, value: command },
  });
}

function listed(tx: Tx, serial: string) {
  return tx.documents.list(commands, { ref: serial, limit: commandsKeptMax + commandsOpenMax });
}

/** Ended ones go, the oldest first, when there are too many. */
async function forget(tx: Tx, serial: string): Promise<void> {
  const all = await listed(tx, serial);
  let over = all.length - commandsKeptMax;
  for (const { id, value } of all) {
    if (over <= 0) return;
    if (isOpen(value)) continue;
    await tx.documents.delete(commands, id);
    over--;
  }
}

function capital(text: string): string {
  return text[0]!.toUpperCase() + text.slice(1);
}
