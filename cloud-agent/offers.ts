/** What a device is told at its check-in, and the texts it may fetch. */
import { labOffersMax } from "./core/limits.ts";
import type { Clock, Image, Offer } from "./core/ports.ts";
import type { DeviceRecord, ReleaseRecord } from "./core/records.ts";
import { envelopeFor, type ReadPayload, releaseImage } from "./core/releases.ts";
import { nextFor } from "./core/rollout/decide.ts";
import { factsOf } from "./core/rollout/facts.ts";
import type { RolloutRecord } from "./core/rollout/types.ts";
import type { Payloads } from "./payloads/payloads.ts";
import type { Tx } from "./storage/store.ts";

/** Unverified images for single devices, so that a device's own refusal can be watched. In memory only, and only on a lab
 *  agent: nothing of it can get among the releases. */
export class LabOffers {
  readonly #offers = new Map<string, Offer & Image>();

  put(serial: string, offer: Image & { sequence: number }): void {
    this.#offers.delete(serial);
    this.#offers.set(serial, { ...offer, envelopeBytes: offer.envelope });
    for (const oldest of this.#offers.keys()) {
      if (this.#offers.size <= labOffersMax) break;
      this.#offers.delete(oldest);
    }
  }

  remove(serial: string): boolean {
    return this.#offers.delete(serial);
  }

  get(serial: string): (Offer & Image) | null {
    return this.#offers.get(serial) ?? null;
  }
}

interface Plans {
  revision: string | null;
  rollouts: RolloutRecord[];
  releases: ReleaseRecord[];
}

/** Answers the device service. Rollouts and releases are read again only when one of them changed: a rollout's record
 *  names its whole fleet, and a check-in must not cost as much as the fleet is large. */
export function createOffers(deps: { clock: Clock; lab: LabOffers; payloads?: Payloads | null }) {
  let plans: Plans | null = null;

  /** Only for transactions that write neither rollouts nor releases: what is kept must be committed. */
  const plansNow = async (tx: Tx): Promise<Plans> => {
    const revision = await tx.meta("plansRevision");
    if (plans === null || plans.revision !== revision) {
      const rollouts = (await tx.rollouts({})).filter((rollout) => rollout.status !== "draft");
      plans = { revision, rollouts, releases: await tx.releases() };
    }
    return plans;
  };

  const readPayload: ReadPayload = async (tx, sequence, image) => {
    if (image.payloadAt !== "origin") return tx.blob(1, sequence, image.classId);
    return (await deps.payloads?.now(image.digest, image.sizeBytes)) ?? null;
  };

  return {
    async offerFor(tx: Tx, device: DeviceRecord): Promise<Offer | null> {
      const lab = deps.lab.get(device.serial);
      if (lab) return lab;
      const { rollouts, releases } = await plansNow(tx);
      const facts = factsOf(device);
      const next = nextFor(facts, rollouts, releases, deps.clock.nowMs());
      const release = releases.find(({ sequence }) => sequence === next.offer);
      if (next.offer === null || !release) return null;
      // Fetched while the device reads the manifest.
      const image = release.images.find(({ classId }) => classId === facts.classId);
      if (image?.payloadAt === "origin") void deps.payloads?.now(image.digest, image.sizeBytes);
      const envelopeBytes = await envelopeFor(tx, release, facts);
      return envelopeBytes && { sequence: next.offer, envelopeBytes };
    },

    async image(tx: Tx, device: DeviceRecord, sequence: number): Promise<Image | null> {
      const lab = deps.lab.get(device.serial);
      if (lab?.sequence === sequence) return lab;
      return releaseImage(tx, sequence, factsOf(device), readPayload);
    },

    async running(tx: Tx, device: DeviceRecord): Promise<Uint8Array | null> {
      const { runningSequence, runningDigest, birth } = device;
      const release = await tx.release(runningSequence);
      // A poisoned release may still run somewhere; what counts is that it is the same image.
      const image = release?.images.find(({ classId }) => classId === birth.classId);
      if (!image || image.digest.slice(0, 16) !== runningDigest) return null;
      // An update does not wait for what only makes it shorter, and may have been lost.
      const found = await readPayload(tx, runningSequence, image);
      return found === "loading" ? null : found;
    },
  };
}
