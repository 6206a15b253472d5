import { type Coding, type Image, PayloadCoder } from "../../firmware/protocol/host/coding.ts";
import type { CheckInInfo, Fetch } from "../../firmware/protocol/host/deviceMessages.ts";
import type { KeySetOffer } from "./keySets.ts";
import type { Material, Release } from "./material.ts";

/** Which codings the cloud uses; "stale" = patches of an image that is not what runs, though the cloud takes it for that. */
export type Served = Coding | "stale";

/** What a BLOCK carries. */
export interface Piece {
  what: number;
  data: Uint8Array;
  totalBytes: number;
}

export const fetchCoded = 2;
export const fetchKeySet = 4;
const coder = new PayloadCoder();
const hex = (b: Uint8Array) => Buffer.from(b).toString("hex");

/** Answers a FETCH of a release or a key set.
 *  @param coded how it goes to a device that can unpack, and what that device said that it runs */
export function serve(
  offer: Release | KeySetOffer,
  { what, offset, length }: Fetch,
  images: Material["images"],
  coded: { coding: Served; checkIn: CheckInInfo | null },
): Piece {
  const cut = (text: Uint8Array) => ({
    data: text.slice(offset, offset + length),
    totalBytes: text.length,
  });
  if ("document" in offer) return { what, ...cut(offer.document) };
  const { payload, envelope, digest } = offer;
  if (what === 0) return { what, ...cut(envelope) };
  if (what !== fetchCoded || coded.coding === "plain") return { what: 1, ...cut(payload) };
  const target = { bytes: payload, digest: hex(digest) };
  const piece = coder.next(target, sourceOf(images, coded), offset, length);
  return { what: piece.what, data: piece.data, totalBytes: payload.length };
}

/** What a patch copies from. */
function sourceOf(
  images: Image[],
  { coding, checkIn }: { coding: Served; checkIn: CheckInInfo | null },
): Image | null {
  if (coding === "packed" || !checkIn) return null;
  const running = hex(checkIn.runningDigest);
  const image = images.find(({ digest }) => digest.startsWith(running)) ?? null;
  return image && coding === "stale" ? moved(image) : image;
}

/** The image with some bytes put in: what is copied from behind them is copied from the wrong place, which only the digest
 *  of it all can tell. */
function moved({ bytes, digest }: Image): Image {
  const middle = bytes.length >> 1;
  const putIn = new Uint8Array(8);
  const rest = bytes.subarray(middle, bytes.length - putIn.length);
  const parts = [bytes.subarray(0, middle), putIn, rest];
  return { bytes: new Uint8Array(Buffer.concat(parts)), digest: `moved ${digest}` };
}
