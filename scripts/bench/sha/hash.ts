/** The firmware's SHA-256 as a text of its own, so that the build makes it as it makes the core of such a board. */
import { makeSha256 } from "../../../firmware/crypto/sha256.ts";

/** @param block called after each block @returns data → 32 bytes */
export default (block: () => void) => makeSha256(block);
