/** Computes the golden bytes of test/vectors/session.json from fixed inputs. Device and host code are tested against the
 *  file; this says where its numbers come from. Run it to print the file: `node --import tsx test/support/sessionVectors.ts`. */
import { pathToFileURL } from "node:url";
import { encode } from "../../firmware/protocol/host/cbor.ts";
import { openFrame, sealFrame, sessionKeys } from "../../firmware/protocol/host/frames.ts";
import {
  challengeNonce,
  encodeChal,
  encodeChalBody,
  encodeHello,
  encodeProve,
  type Hello,
} from "../../firmware/protocol/host/handshake.ts";
import * as kdf from "../../firmware/protocol/host/kdf.ts";
import { labelUrl, makeCode } from "../../firmware/protocol/host/labels.ts";
import { encodeLine } from "../../firmware/protocol/host/line.ts";
import { mqttPassword } from "../../firmware/protocol/host/mqttLogin.ts";
import type { Suite } from "../../firmware/protocol/messages.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const count = (first: number, length: number) =>
  Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);

const input = {
  km: count(0x00, 32),
  kmId: 1,
  batchId: "B2026-01",
  serial: "PUCK-0001",
  salt: count(0x40, 16),
  codeRandom: count(0x50, 10),
  product: "sensor-1",
  host: "fleet.example",
  nd: count(0x60, 16),
  fw: count(0x80, 8),
  bootCount: 7,
  handshakeCount: 2,
  timeS: 1_800_000_000,
  state: 1,
  claimId: count(0x90, 8),
};
const checkIn = new Map<number, number | string | Uint8Array>([
  [1, 5],
  [2, input.fw],
  [3, 0],
  [4, 3],
  [5, 4],
  [6, 1],
  [7, 300],
  [8, 1],
  [11, 1],
  [12, "2v29"],
  [13, 0],
  [14, 1],
]);

/** All vectors, hex where bytes. */
export function sessionVectors() {
  const { km, serial, salt, batchId } = input;
  const kb = kdf.batchKey(km, batchId);
  const dk0 = kdf.deviceKey0(kb, serial, salt);
  const dk1 = kdf.deviceKey(km, serial, 1);
  const code = makeCode(input.codeRandom);
  const popKey = kdf.popKey(code);
  return {
    origin: "test/support/sessionVectors.ts over node:crypto; SPEC.md §3, §4, §5. Apache-2.0.",
    input: Object.fromEntries(
      Object.entries(input).map(([k, v]) => [k, v instanceof Uint8Array ? hex(v) : v]),
    ),
    keys: {
      lpOfAbAndEmpty: hex(kdf.lp("ab", new Uint8Array(0))),
      kb: hex(kb),
      dk0: hex(dk0),
      dk1: hex(dk1),
      dk2: hex(kdf.deviceKey(km, serial, 2)),
      owner1: hex(kdf.ownerKey(km, serial, 1)),
      agentKey: hex(kdf.agentKey(km)),
      mqttKey0: hex(kdf.mqttKey(dk0)),
      code,
      popKey: hex(popKey),
      codeHash: hex(kdf.codeHash(serial, code)),
      labelUrl: labelUrl(input.host, input.product, serial, code),
      mqttPassword0: mqttPassword(dk0, 0, 7 * 4096 + 1),
    },
    suite1: suiteVectors(1, dk0, dk1, popKey),
    suite2: suiteVectors(2, dk0, dk1, popKey),
    line: { payload: "0102fe00fe", framed: hex(encodeLine(Uint8Array.of(1, 2, 0xfe, 0, 0xfe))) },
  };
}

function suiteVectors(suite: Suite, dk0: Uint8Array, dk1: Uint8Array, popKey: Uint8Array) {
  const { serial, nd, fw, bootCount, handshakeCount, kmId, timeS, state } = input;
  const counts = { bootCount, handshakeCount, kmId };
  const fields: Hello = { version: 1, suite, serial, epoch: 0, nd, fw, ...counts };
  const hello = encodeHello(fields);
  const nc = challengeNonce(kdf.agentKey(input.km), serial, nd, Math.floor(timeS / 60));
  const chalBody = encodeChalBody({ nc, timeS, state });
  const keys = sessionKeys(dk0, suite, hello, chalBody);
  const message = encode([16, checkIn, new Map(), new Map()]);
  const frame = sealFrame(keys, "up", 0, message);
  const pop = kdf.possessionProof(popKey, nd);
  const reply = encode([32, timeS, 300, null]);
  const grant = encode([34, input.claimId, 1, dk1, kdf.ownerKey(input.km, serial, 1), 300]);
  const commit = encode([19, input.claimId, kdf.commitMac(dk1, serial, input.claimId)]);
  if (!openFrame(keys, "up", frame)) throw new RangeError("vectors: a frame does not open");
  return {
    hello: hex(hello),
    nc: hex(nc),
    chalBody: hex(chalBody),
    chal: hex(encodeChal(dk0, hello, chalBody)),
    sid: hex(keys.sid),
    upEncryption: hex(keys.up.encryption),
    upMac: hex(keys.up.mac),
    downEncryption: hex(keys.down.encryption),
    downMac: hex(keys.down.mac),
    checkInMessage: hex(message),
    checkInFrame: hex(frame),
    pop: hex(pop),
    prove: hex(encodeProve(dk0, { hello, chalBody, pop, frame })),
    proveWithoutPop: hex(encodeProve(dk0, { hello, chalBody, pop: null, frame })),
    replyMessage: hex(reply),
    replyFrameCounter0: hex(sealFrame(keys, "down", 0, reply)),
    grantMessage: hex(grant),
    grantFrameCounter1: hex(sealFrame(keys, "down", 1, grant)),
    commitMessage: hex(commit),
    commitFrameCounter1: hex(sealFrame(keys, "up", 1, commit)),
    highCounterFrame: hex(sealFrame(keys, "up", 0xfffffffe, commit)),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  process.stdout.write(JSON.stringify(sessionVectors(), null, 2) + "\n");
}
