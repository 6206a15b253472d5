/** Messages the cloud sends inside frames (SPEC.md §4.2): typed values to bytes, and back for tools and tests. */
import { Code } from "../errors.ts";
import { blockBytesMax, commandNameCharsMax } from "../limits.ts";
import { Msg } from "../messages.ts";
import { type CborDecoded, type CborValue, encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { type CommandValue, readCommandValue } from "./orderResult.ts";
import { wireArray, wireBytes, wireBytesUpTo, wireShape, wireText, wireUint } from "./wire.ts";

export type CloudMessage =
  | {
      kind: "reply";
      timeS: number;
      checkInS: number;
      offer: { sequence: number; manifestBytes: number } | null;
    }
  | {
      kind: "block";
      /** 0 manifest, 1 payload plain, 2 packed, 3 patched, 4 key set */
      what: number;
      sequence: number;
      offset: number;
      totalBytes: number;
      data: Uint8Array;
    }
  | {
      kind: "grant";
      claimId: Uint8Array;
      epoch: number;
      deviceKey: Uint8Array;
      ownerKey: Uint8Array;
      checkInS: number;
    }
  | { kind: "ack"; claimId: Uint8Array }
  | { kind: "revert"; orderId: number; toSequence: number }
  | {
      kind: "wipe";
      orderId: number;
      mode: number;
      nonce: Uint8Array;
      ackHash: Uint8Array;
      nextKey: Uint8Array | null;
    }
  | { kind: "settings"; revision: number; values: Record<string, CborValue> }
  | { kind: "keys"; version: number; lengths: number[] }
  /** isOn: true sends the device into local mode for good, false ends that */
  | { kind: "sunset"; orderId: number; isOn: boolean }
  /** a person in the field says that this release on trial is well */
  | { kind: "confirm"; orderId: number; sequence: number }
  /** digest: first 8 bytes of an image that may be taken again */
  | { kind: "clearPoison"; orderId: number; digest: Uint8Array }
  /** untilS: the agent's time from which it is not begun any more; name null: tell the log */
  | {
      kind: "command";
      orderId: number;
      untilS: number;
      name: string | null;
      argument: CommandValue;
    }
  | { kind: "no"; code: Code; what: number; sequence: number };

/** Encodes a message to a device. */
export function encodeCloudMessage(m: CloudMessage): Uint8Array {
  return encode(cloudItems(m));
}

/** The items of a message to a device, before they are encoded. */
export function cloudItems(m: CloudMessage): CborValue[] {
  switch (m.kind) {
    case "reply":
      return [Msg.Reply, m.timeS, m.checkInS, m.offer && [m.offer.sequence, m.offer.manifestBytes]];
    case "block":
      return [Msg.Block, m.what, m.sequence, m.offset, m.totalBytes, m.data];
    case "grant":
      return [Msg.Grant, m.claimId, m.epoch, m.deviceKey, m.ownerKey, m.checkInS];
    case "ack":
      return [Msg.Ack, m.claimId];
    case "revert":
      return [Msg.Revert, m.orderId, m.toSequence];
    case "wipe":
      return [Msg.Wipe, m.orderId, m.mode, m.nonce, m.ackHash, m.nextKey];
    case "settings":
      return [Msg.Settings, m.revision, m.values];
    case "keys":
      return [Msg.Keys, m.version, m.lengths];
    case "sunset":
      return [Msg.Sunset, m.orderId, m.isOn ? 1 : 0];
    case "confirm":
      return [Msg.Confirm, m.orderId, m.sequence];
    case "clearPoison":
      return [Msg.ClearPoison, m.orderId, m.digest];
    case "command":
      return [Msg.Command, m.orderId, m.untilS, m.name, m.argument];
    case "no":
      return [Msg.No, m.code, m.what, m.sequence];
  }
}

/** Decodes a message to a device.
 *  @throws CodedError MessageTooLong, MessageMalformed */
export function decodeCloudMessage(bytes: Uint8Array): CloudMessage {
  const items = wireArray("cloud message", bytes);
  const decoder = typeof items[0] === "number" ? decoders[items[0]] : undefined;
  if (!decoder) throw new CodedError(Code.MessageMalformed, "cloud message: unknown number");
  return decoder(items);
}

const decoders: Record<number, (items: unknown[]) => CloudMessage> = {
  [Msg.Reply]: (items) => {
    wireShape("REPLY", items, Msg.Reply, 4);
    return {
      kind: "reply",
      timeS: wireUint("REPLY time", items[1]),
      checkInS: wireUint("REPLY check-in", items[2]),
      offer: readOffer(items[3]),
    };
  },
  [Msg.Block]: (items) => {
    wireShape("BLOCK", items, Msg.Block, 6);
    return {
      kind: "block",
      what: wireUint("BLOCK kind", items[1], 4),
      sequence: wireUint("BLOCK sequence", items[2]),
      offset: wireUint("BLOCK offset", items[3]),
      totalBytes: wireUint("BLOCK total", items[4]),
      data: wireBytesUpTo("BLOCK data", items[5], blockBytesMax),
    };
  },
  [Msg.Grant]: (items) => {
    wireShape("GRANT", items, Msg.Grant, 6);
    return {
      kind: "grant",
      claimId: wireBytes("GRANT claim", items[1], 8),
      epoch: wireUint("GRANT epoch", items[2]),
      deviceKey: wireBytes("GRANT device key", items[3], 32),
      ownerKey: wireBytes("GRANT owner key", items[4], 32),
      checkInS: wireUint("GRANT check-in", items[5]),
    };
  },
  [Msg.Ack]: (items) => {
    wireShape("ACK", items, Msg.Ack, 2);
    return { kind: "ack", claimId: wireBytes("ACK claim", items[1], 8) };
  },
  [Msg.Revert]: (items) => {
    wireShape("REVERT", items, Msg.Revert, 3);
    return {
      kind: "revert",
      orderId: wireUint("REVERT order", items[1]),
      toSequence: wireUint("REVERT sequence", items[2]),
    };
  },
  [Msg.Wipe]: (items) => {
    wireShape("WIPE", items, Msg.Wipe, 6);
    return {
      kind: "wipe",
      orderId: wireUint("WIPE order", items[1]),
      mode: wireUint("WIPE mode", items[2], 3),
      nonce: wireBytes("WIPE nonce", items[3], 16),
      ackHash: wireBytes("WIPE ack hash", items[4], 16),
      nextKey: items[5] === null ? null : wireBytes("WIPE next key", items[5], 32),
    };
  },
  [Msg.Settings]: (items) => {
    wireShape("SETTINGS", items, Msg.Settings, 3);
    if (!(items[2] instanceof Map)) {
      throw new CodedError(Code.MessageMalformed, "SETTINGS: expected a map");
    }
    return {
      kind: "settings",
      revision: wireUint("SETTINGS revision", items[1]),
      values: Object.fromEntries(items[2] as Map<string, CborDecoded>),
    };
  },
  [Msg.Keys]: (items) => {
    wireShape("KEYS", items, Msg.Keys, 3);
    if (!Array.isArray(items[2]) || items[2].length > 11) {
      throw new CodedError(Code.MessageMalformed, "KEYS: expected at most 11 lengths");
    }
    return {
      kind: "keys",
      version: wireUint("KEYS version", items[1], 0xffff),
      lengths: items[2].map((length) => wireUint("KEYS length", length, 1600)),
    };
  },
  [Msg.Sunset]: (items) => {
    wireShape("SUNSET", items, Msg.Sunset, 3);
    return {
      kind: "sunset",
      orderId: wireUint("SUNSET order", items[1]),
      isOn: wireUint("SUNSET state", items[2], 1) === 1,
    };
  },
  [Msg.Confirm]: (items) => {
    wireShape("CONFIRM", items, Msg.Confirm, 3);
    return {
      kind: "confirm",
      orderId: wireUint("CONFIRM order", items[1]),
      sequence: wireUint("CONFIRM sequence", items[2]),
    };
  },
  [Msg.ClearPoison]: (items) => {
    wireShape("CLEAR-POISON", items, Msg.ClearPoison, 3);
    return {
      kind: "clearPoison",
      orderId: wireUint("CLEAR-POISON order", items[1]),
      digest: wireBytes("CLEAR-POISON digest", items[2], 8),
    };
  },
  [Msg.Command]: (items) => {
    wireShape("COMMAND", items, Msg.Command, 5);
    return {
      kind: "command",
      orderId: wireUint("COMMAND order", items[1]),
      untilS: wireUint("COMMAND end", items[2]),
      name: items[3] === null ? null : wireText("COMMAND name", items[3], commandNameCharsMax),
      argument: readCommandValue("COMMAND argument", items[4]),
    };
  },
  [Msg.No]: (items) => {
    wireShape("NO", items, Msg.No, 4);
    return {
      kind: "no",
      code: wireUint("NO code", items[1], 999),
      what: wireUint("NO kind", items[2], 4),
      sequence: wireUint("NO sequence", items[3]),
    };
  },
};

function readOffer(value: unknown): { sequence: number; manifestBytes: number } | null {
  if (value === null) return null;
  if (!Array.isArray(value) || value.length !== 2) {
    throw new CodedError(Code.MessageMalformed, "REPLY offer: expected two items");
  }
  return {
    sequence: wireUint("offer sequence", value[0]),
    manifestBytes: wireUint("offer size", value[1]),
  };
}
