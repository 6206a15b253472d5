/** Going back on purpose: a ticket is published beside its release, and only the devices that it is for go back. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { boards } from "../../../boards/index.ts";
import { type Agent, createAgent } from "../../../cloud-agent/agent.ts";
import { systemClock } from "../../../cloud-agent/platform/clock.ts";
import { parseConfig } from "../../../cloud-agent/platform/config.ts";
import { createLog } from "../../../cloud-agent/platform/log.ts";
import { systemRandom } from "../../../cloud-agent/platform/random.ts";
import { Code } from "../../../firmware/protocol/errors.ts";
import { kidOf } from "../../../firmware/protocol/host/keyset.ts";
import { productIds } from "../../../firmware/protocol/host/productIds.ts";
import {
  encodeEnvelope,
  encodeManifest,
  signManifest,
} from "../../../firmware/protocol/host/suit.ts";
import { readEnvelope, readManifest } from "../../../firmware/protocol/host/suitVerify.ts";
import type { Firmware } from "../../../scripts/cli/build/firmware.ts";
import { createKeys, readKeySet } from "../../../scripts/cli/keys/store.ts";
import { bytesOf, type ReleaseFile } from "../../../scripts/cli/release/file.ts";
import { type ReleaseInput, releaseFile, signRelease } from "../../../scripts/cli/release/sign.ts";
import { addTicket } from "../../../scripts/cli/release/ticket.ts";
import { SimBoard } from "../../../scripts/sim/board/simBoard.ts";
import { realClock } from "../../../scripts/sim/clock.ts";
import { realNet } from "../../../scripts/sim/net.ts";
import { freePort } from "../../../scripts/story/agentProcess.ts";
import { AgentApi, until } from "../../../scripts/story/api.ts";
import { Workshop } from "../../../scripts/story/workshop.ts";
import { image, lmsSigner, otherKey } from "../../host/suitFixture.ts";
import { type Harness, harness } from "./harness.ts";

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "tickets-"));
});
afterAll(() => rmSync(directory, { recursive: true }));

const wish = { floor: 9, person: "Ann", reason: "9 drains batteries." };
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");

/** An envelope of the first image, changed and signed by a key that nobody knows unless told. */
function envelopeOf(
  file: ReleaseFile,
  changes: Partial<Parameters<typeof encodeManifest>[0]>,
  sign: (manifest: Uint8Array) => Uint8Array[],
): Uint8Array {
  const { text, ...manifest } = readManifest(
    readEnvelope(bytesOf(file.images[0]!.envelope)).manifestBytes,
  );
  const bytes = encodeManifest({ ...manifest, text: text ?? undefined, ...changes });
  return encodeEnvelope(bytes, sign(bytes));
}
const stranger = (manifest: Uint8Array) => signManifest(manifest, [lmsSigner(otherKey, 0)]);

describe("a ticket that is published", () => {
  let keysDir: string;
  let input: ReleaseInput;
  let plain: ReleaseFile;
  let ticketed: ReleaseFile;
  let api: Harness;
  beforeAll(() => {
    keysDir = join(directory, "keys-of-desk");
    createKeys({ dir: keysDir, height: 5 });
    input = {
      ...{ keysDir, sequence: 7, floor: 5, interpreter: ["2v25", "2v29"] },
      ...{ version: "1.7", type: "fix", notes: "Fixes." },
      images: ["puckjs", "esp32"].map((board) => {
        return { board, ...productIds("example.com", "sensor-1", board), text: image };
      }),
    };
    plain = releaseFile(input, signRelease(input));
    ticketed = addTicket(plain, { keysDir, wish }).file;
  });
  beforeEach(async () => {
    api = await harness();
    api.releaseKeys.files = [new Uint8Array(readFileSync(join(keysDir, "keyset-1.cbor")))];
  });
  afterEach(() => api.close());
  const publish = (body: object) => api.call("POST", "/v1/releases", body, "releaser");
  const answer = async (body: object) => {
    const reply = await publish(body);
    return [reply.status, reply.body.code];
  };
  const copy = () => structuredClone(ticketed);

  it("comes with its release or long after, is kept with person and reason, and changes nothing twice", async () => {
    expect((await publish(plain)).body.ticket).toBeUndefined();
    const reply = await publish(ticketed);
    expect(reply.status).toBe(201);
    expect(reply.body.ticket).toMatchObject({ ...wish, publishedBy: "releaser" });
    const kid = readKeySet(keysDir).release.keys.map(kidOf);
    const kept = { ticket: { signedBy: kid } };
    expect(reply.body.images).toMatchObject([kept, kept]);
    expect((await publish(ticketed)).status).toBe(200);
    const { body } = await api.call("GET", "/v1/events?kind=ticketPublished");
    expect(body.events).toMatchObject([
      {
        ...{ kind: "ticketPublished", sequence: 7 },
        text: "releaser published a downgrade ticket of release 7 for devices with floor 9, decided by Ann: 9 drains batteries.",
        data: { ...wish, publishedBy: "releaser", floorBefore: null },
      },
    ]);
  });

  it("replaces the one before, which the log keeps", async () => {
    await publish(ticketed);
    const other = addTicket(plain, { keysDir, wish: { ...wish, floor: 12 } }).file;
    expect((await publish(other)).body.ticket).toMatchObject({ floor: 12 });
    const { body } = await api.call("GET", "/v1/events?kind=ticketPublished");
    expect(body.events.map((event: { data: object }) => event.data)).toMatchObject([
      { floor: 9, floorBefore: null },
      { floor: 12, floorBefore: 9 },
    ]);
  });

  it("by another key is refused, and nothing is stored", async () => {
    const body = copy();
    body.images[0]!.ticket = base64(envelopeOf(plain, { downgradeFrom: 9 }, stranger));
    expect(await answer(body)).toEqual([422, Code.ManifestKeyUnknown]);
    expect((await api.call("GET", "/v1/releases/7")).status).toBe(404);
  });

  it("of another release's image is refused, and so are one for another floor, none at all and one without words", async () => {
    const text = new Uint8Array(Buffer.from("[1,2]"));
    const others = { ...input, images: input.images.map((one) => ({ ...one, text })) };
    const other = addTicket(releaseFile(others, signRelease(others)), { keysDir, wish }).file;
    const swapped = copy();
    swapped.images[0]!.ticket = other.images[0]!.ticket;
    const reply = await publish(swapped);
    expect([reply.status, reply.body.name]).toEqual([422, "TicketInvalid"]);
    expect(reply.body.detail).toContain("expected the release's bytes");
    expect(await answer({ ...copy(), ticket: { ...wish, floor: 10 } })).toEqual([422, 662]);
    expect(await answer({ ...copy(), ticket: { ...wish, floor: 5 } })).toEqual([422, 662]);
    const halved = copy();
    delete halved.images[1]!.ticket;
    expect(await answer(halved)).toEqual([422, 662]);
    const { ticket: _, ...wordless } = copy();
    expect(await answer(wordless)).toEqual([422, 662]);
    expect(await answer({ ...copy(), ticket: { floor: 9, person: "Ann" } })).toEqual([400, 600]);
    expect((await api.call("GET", "/v1/releases/7")).status).toBe(404);
  });

  it("in the place of the release's own envelope is refused", async () => {
    const body = copy();
    body.images[0]!.envelope = body.images[0]!.ticket!;
    const reply = await publish(body);
    expect([reply.status, reply.body.code, reply.body.name]).toEqual([422, 663, "TicketAlone"]);
  });

  it("for a poisoned release is refused", async () => {
    await publish(plain);
    await api.store.tx(async (tx) => {
      const release = (await tx.release(7))!;
      await tx.putRelease({ ...release, poisonedMs: 1, poisonReason: "it failed" });
    });
    expect(await answer(ticketed)).toEqual([409, Code.ImagePoisoned]);
  });
});

describe("devices on a real agent", () => {
  const km = new Uint8Array(32).fill(7);
  const adminToken = "an-administrators-token";
  const board = boards.linux!;
  const devices: SimBoard[] = [];
  let agent: Agent;
  let api: AgentApi;
  let shop: Workshop;
  let firmware: Firmware[];

  beforeAll(async () => {
    const data = join(directory, "agent");
    mkdirSync(data);
    const mqttPort = await freePort();
    shop = Workshop.create(directory, km, mqttPort);
    const keySets = join(directory, "key-sets");
    mkdirSync(keySets);
    for (const name of readdirSync(shop.keysDir).filter((one) => one.endsWith(".cbor")))
      writeFileSync(join(keySets, name), readFileSync(join(shop.keysDir, name)));
    agent = createAgent(
      parseConfig({
        ...{ data, km: Buffer.from(km).toString("hex"), adminToken, httpPort: 0, mqttPort },
        ...{ mqttHost: "127.0.0.1", tickMs: 50, checkInS: 1, lab: true, releaseKeys: keySets },
        durability: "normal",
      }),
      {
        ...{ clock: systemClock, random: systemRandom, log: createLog("error") },
        showAdminToken: () => undefined,
      },
    );
    await agent.start();
    api = new AgentApi(agent.httpUrl, adminToken);
    const app = join(directory, "app.ts");
    writeFileSync(app, 'export const regions = [];\nexport function start() { print("7"); }\n');
    const seven = await shop.build(board, app);
    const nine = seven.imageText.replace('print("7")', 'print("9")');
    expect(nine).not.toBe(seven.imageText);
    firmware = [seven, { ...seven, imageText: nine }];
  }, 240_000);
  afterAll(async () => {
    for (const one of devices) one.powerOff();
    await agent.stop();
  });

  const get = (serial: string) => api.must("GET", `/v1/devices/${serial}`);
  const event = (serial: string, kind: string, code?: number) =>
    until(
      `${kind} of ${serial}`,
      async () => {
        const { events } = await api.must(
          "GET",
          `/v1/devices/${serial}/events?kind=${kind}&limit=500`,
        );
        return events.find((one: { code: number }) => code === undefined || one.code === code);
      },
      60_000,
    );

  /** A claimed device that was born with a release as its floor. */
  async function device(serial: string, sequence: number): Promise<void> {
    const made = shop.make(board, serial, firmware[1]!, sequence);
    await api.must("POST", "/v1/births", made.birth.record);
    const sim = new SimBoard({
      ...{ board, name: serial, storage: made.storage, clock: realClock(), net: realNet() },
      wallLimitMs: 0,
    });
    devices.push(sim);
    sim.powerOn();
    await until(`${serial} to come`, async () => (await get(serial)).lastSeenMs, 20_000);
    await api.must("POST", "/v1/claims", { serial, code: made.birth.code, account: "a" });
    await event(serial, "claimCommitted");
  }

  it("with the ticket's floor go back by a true ticket only; others stay and say why", async () => {
    await Promise.all([device("LINUX-0001", 9), device("LINUX-0002", 10)]);
    const signedAs = (sequence: number) => {
      const images = [{ board, firmware: firmware[0]! }];
      const given = { sequence, floor: 5, version: `1.${sequence}`, notes: "Good.", images };
      return shop.release(given).file as unknown as ReleaseFile;
    };
    const plain = signedAs(7);
    const { payload } = plain.images[0]!;
    const { keysDir } = shop;
    const ticket = (of: ReleaseFile, floor: number) =>
      bytesOf(addTicket(of, { keysDir, wish: { ...wish, floor } }).file.images[0]!.ticket!);
    const lab = async (code: Code, sequence: number, envelope: Uint8Array, bytes = payload) => {
      const offer = { serial: "LINUX-0001", sequence, envelope: base64(envelope), payload: bytes };
      await api.must("POST", "/v1/lab/offers", offer);
      await event("LINUX-0001", "updateRefused", code);
      await api.must("DELETE", "/v1/lab/offers/LINUX-0001");
    };
    // What the device itself makes of false ones.
    const six = signedAs(6);
    await lab(Code.ManifestKeyUnknown, 6, envelopeOf(six, { downgradeFrom: 9 }, stranger));
    const otherDigest = Buffer.from(bytesOf(payload));
    otherDigest[otherDigest.length - 3]! ^= 1;
    await lab(Code.ImageDigest, 6, ticket(six, 9), base64(otherDigest));
    await lab(Code.SequenceBelowFloor, 7, bytesOf(plain.images[0]!.envelope));
    await lab(Code.TicketFloor, 7, ticket(plain, 10));

    await api.must("POST", "/v1/releases", addTicket(plain, { keysDir, wish }).file);
    const { id } = await api.must("POST", "/v1/rollouts", {
      ...{
        name: "back to 7",
        sequence: 7,
        target: { serials: ["LINUX-0001", "LINUX-0002"] },
        holdBackShare: 0,
      },
      ...{
        waves: [{ name: "all", size: { percent: 100 }, soakMs: 0 }],
        author: "ann",
        approver: "bob",
      },
    });
    await api.must("POST", `/v1/rollouts/${id}/start`, {});
    await event("LINUX-0001", "updateConfirmed", Code.UpdateConfirmed);
    const back = await get("LINUX-0001");
    expect([back.runningSequence, back.floor, back.slotState]).toEqual([7, 5, 0]);
    const stayed = await get("LINUX-0002");
    expect([stayed.runningSequence, stayed.floor]).toEqual([10, 10]);
    const why = await api.must("GET", "/v1/devices/LINUX-0002/why?sequence=7");
    expect(why.answer).toBe(
      "LINUX-0002 does not run release 7 because it runs release 10, which is newer than 7; " +
        "its downgrade ticket is for floor 9, the device's floor is 10.",
    );
    expect(why.facts.map((one: { text: string }) => one.text)).toContainEqual(
      expect.stringContaining("decided by Ann: 9 drains batteries."),
    );
    const done = await api.must("GET", "/v1/devices/LINUX-0001/why?sequence=7");
    expect(done.answer).toContain("LINUX-0001 did update: it runs release 7");
  }, 240_000);
});
