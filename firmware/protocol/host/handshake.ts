/** HELLO, CHAL, PROVE and the other plain messages of SPEC.md §4: bytes to values and back, and their MACs. */
import { timingSafeEqual } from "node:crypto";
import { Code } from "../errors.ts";
import { Msg, Suite } from "../messages.ts";
import { encode } from "./cbor.ts";
import { CodedError } from "./codedError.ts";
import { hmac, lp, t16 } from "./kdf.ts";
import { wireArray, wireBytes, wireBytesUpTo, wireSerial, wireShape, wireUint } from "./wire.ts";

/** Version of the protocol this code speaks (SPEC.md §1). */
export const protocolVersion = 1;
/** HELLO with the longest serial is 81 bytes; CHAL's body 24. Rounded up. */
export const helloBytesMax = 96;
export const chalBodyBytesMax = 32;
/** Minutes a challenge is good for, the running one included. */
export const challengeMinutes = 3;
/** The same for a board without native hashes: about 60 blocks of SHA-256 stand between CHAL and PROVE, each of some
 *  seconds (`npm run bench:sha`). */
export const slowChallengeMinutes = 15;
/** RECEIPT: 1,252 B signature, a body of some 200 B, serial and framing. */
export const receiptBytesMax = 1536;

export interface Hello {
  version: number;
  suite: Suite;
  serial: string;
  epoch: number;
  /** 16 bytes */
  nd: Uint8Array;
  /** 8 bytes of the running image's digest, or zeros */
  fw: Uint8Array;
  bootCount: number;
  handshakeCount: number;
  kmId: number;
}

export interface ChalBody {
  /** 16 bytes */
  nc: Uint8Array;
  timeS: number;
  state: number;
}

export interface Prove {
  /** the exact bytes the device sent before */
  hello: Uint8Array;
  chalBody: Uint8Array;
  /** 16 bytes, or null without a possession proof */
  pop: Uint8Array | null;
  frame: Uint8Array;
  mac: Uint8Array;
}

/** Encodes HELLO. */
export function encodeHello(hello: Hello): Uint8Array {
  return encode([
    Msg.Hello,
    hello.version,
    hello.suite,
    hello.serial,
    hello.epoch,
    hello.nd,
    hello.fw,
    hello.bootCount,
    hello.handshakeCount,
    hello.kmId,
  ]);
}

/** Decodes HELLO.
 *  @throws CodedError VersionUnsupported, SuiteUnsupported, MessageTooLong, MessageMalformed */
export function decodeHello(bytes: Uint8Array): Hello {
  const items = wireArray("HELLO", bytes, helloBytesMax);
  if (items[0] === Msg.Hello && items[1] !== protocolVersion) {
    throw new CodedError(
      Code.VersionUnsupported,
      `HELLO: version ${protocolVersion} is spoken here`,
    );
  }
  wireShape("HELLO", items, Msg.Hello, 10);
  const suite = wireUint("HELLO suite", items[2]);
  if (suite !== Suite.HmacCtr && suite !== Suite.AesCtr) {
    throw new CodedError(Code.SuiteUnsupported, `HELLO suite: expected 1 or 2, got ${suite}`);
  }
  return {
    version: protocolVersion,
    suite,
    serial: wireSerial("HELLO serial", items[3]),
    epoch: wireUint("HELLO epoch", items[4]),
    nd: wireBytes("HELLO nonce", items[5], 16),
    fw: wireBytes("HELLO firmware", items[6], 8),
    bootCount: wireUint("HELLO boot count", items[7]),
    handshakeCount: wireUint("HELLO handshake count", items[8]),
    kmId: wireUint("HELLO key id", items[9]),
  };
}

/** Encodes the body of CHAL, the part both MACs and the session keys cover. */
export function encodeChalBody(body: ChalBody): Uint8Array {
  return encode([body.nc, body.timeS, body.state]);
}

/** Decodes the body of CHAL. @throws CodedError */
export function decodeChalBody(bytes: Uint8Array): ChalBody {
  const items = wireArray("CHAL body", bytes, chalBodyBytesMax);
  if (items.length !== 3)
    throw new CodedError(Code.MessageMalformed, "CHAL body: expected 3 items");
  return {
    nc: wireBytes("CHAL nonce", items[0], 16),
    timeS: wireUint("CHAL time", items[1]),
    state: wireUint("CHAL state", items[2], 7),
  };
}

/** Encodes CHAL with its MAC by the device key. */
export function encodeChal(dk: Uint8Array, hello: Uint8Array, chalBody: Uint8Array): Uint8Array {
  return encode([Msg.Chal, chalBody, chalMac(dk, hello, chalBody)]);
}

/** Decodes CHAL and checks its MAC against the HELLO it answers.
 *  @returns the exact bytes of the body, and the body
 *  @throws CodedError HandshakeMac, MessageMalformed */
export function openChal(
  dk: Uint8Array,
  hello: Uint8Array,
  bytes: Uint8Array,
): { chalBody: Uint8Array; body: ChalBody } {
  const items = wireArray("CHAL", bytes);
  wireShape("CHAL", items, Msg.Chal, 3);
  const chalBody = wireBytesUpTo("CHAL body", items[1], chalBodyBytesMax);
  const mac = wireBytes("CHAL tag", items[2], 16);
  if (!timingSafeEqual(mac, chalMac(dk, hello, chalBody))) {
    throw new CodedError(Code.HandshakeMac, "CHAL: tag is not by this device's key");
  }
  return { chalBody, body: decodeChalBody(chalBody) };
}

/** Encodes PROVE with its MAC by the device key. */
export function encodeProve(dk: Uint8Array, prove: Omit<Prove, "mac">): Uint8Array {
  const { hello, chalBody, pop, frame } = prove;
  return encode([Msg.Prove, hello, chalBody, pop, frame, proveMac(dk, prove)]);
}

/** Decodes PROVE; its MAC is checked by `proveMacIsRight`, once the key is known from the HELLO inside.
 *  @throws CodedError MessageTooLong, MessageMalformed */
export function decodeProve(bytes: Uint8Array): Prove {
  const items = wireArray("PROVE", bytes);
  wireShape("PROVE", items, Msg.Prove, 6);
  return {
    hello: wireBytesUpTo("PROVE hello", items[1], helloBytesMax),
    chalBody: wireBytesUpTo("PROVE challenge", items[2], chalBodyBytesMax),
    pop: items[3] === null ? null : wireBytes("PROVE possession proof", items[3], 16),
    frame: wireBytesUpTo("PROVE frame", items[4], bytes.length),
    mac: wireBytes("PROVE tag", items[5], 16),
  };
}

/** True when the tag of a PROVE is by this device key. */
export function proveMacIsRight(dk: Uint8Array, prove: Prove): boolean {
  return timingSafeEqual(prove.mac, proveMac(dk, prove));
}

/** Nc of one minute: any process of the agent can check it, and none has to remember it.
 *  @param minute minutes since 1970 */
export function challengeNonce(
  agentKey: Uint8Array,
  serial: string,
  nd: Uint8Array,
  minute: number,
): Uint8Array {
  return t16(hmac(agentKey, lp("FL1-nc", serial, nd, String(minute))));
}

/** True when Nc is of the last minutes, this one included. */
export function challengeIsFresh(
  agentKey: Uint8Array,
  serial: string,
  nd: Uint8Array,
  nc: Uint8Array,
  nowMs: number,
  minutes = challengeMinutes,
): boolean {
  const minute = Math.floor(nowMs / 60_000);
  for (let back = 0; back < minutes; back++) {
    if (timingSafeEqual(nc, challengeNonce(agentKey, serial, nd, minute - back))) return true;
  }
  return false;
}

/** Encodes REFUSED: unauthenticated, so a device only waits. */
export function encodeRefused(code: Code, retryAfterS: number): Uint8Array {
  return encode([Msg.Refused, code, retryAfterS]);
}

/** Decodes REFUSED. @throws CodedError */
export function decodeRefused(bytes: Uint8Array): { code: Code; retryAfterS: number } {
  const items = wireArray("REFUSED", bytes);
  wireShape("REFUSED", items, Msg.Refused, 3);
  return {
    code: wireUint("REFUSED code", items[1], 999) as Code,
    retryAfterS: wireUint("REFUSED wait", items[2]),
  };
}

/** Encodes HELLO-WANTED. */
export function encodeHelloWanted(): Uint8Array {
  return encode([Msg.HelloWanted]);
}

/** Encodes RECEIPT. */
export function encodeReceipt(serial: string, body: Uint8Array, signature: Uint8Array): Uint8Array {
  return encode([Msg.Receipt, serial, body, signature]);
}

/** Decodes RECEIPT's envelope; the signature is for the caller to check.
 *  @throws CodedError MessageTooLong, MessageMalformed */
export function decodeReceipt(bytes: Uint8Array): {
  serial: string;
  body: Uint8Array;
  signature: Uint8Array;
} {
  const items = wireArray("RECEIPT", bytes, receiptBytesMax);
  wireShape("RECEIPT", items, Msg.Receipt, 4);
  return {
    serial: wireSerial("RECEIPT serial", items[1]),
    body: wireBytesUpTo("RECEIPT body", items[2], 512),
    signature: wireBytesUpTo("RECEIPT signature", items[3], 1300),
  };
}

/** Encodes RECEIPT-ACK. @param ackToken 16 bytes, revealed to the device by this message alone */
export function encodeReceiptAck(ackToken: Uint8Array): Uint8Array {
  return encode([Msg.ReceiptAck, ackToken]);
}

/** Decodes RECEIPT-ACK to its token. @throws CodedError */
export function decodeReceiptAck(bytes: Uint8Array): Uint8Array {
  const items = wireArray("RECEIPT-ACK", bytes);
  wireShape("RECEIPT-ACK", items, Msg.ReceiptAck, 2);
  return wireBytes("RECEIPT-ACK token", items[1], 16);
}

function chalMac(dk: Uint8Array, hello: Uint8Array, chalBody: Uint8Array): Uint8Array {
  return t16(hmac(dk, lp("FL1-chal", hello, chalBody)));
}

function proveMac(dk: Uint8Array, prove: Omit<Prove, "mac">): Uint8Array {
  const pop = prove.pop ?? new Uint8Array(0);
  return t16(hmac(dk, lp("FL1-prove", prove.hello, prove.chalBody, pop, prove.frame)));
}
