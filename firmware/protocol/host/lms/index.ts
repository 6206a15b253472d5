/** LM-OTS, LMS and HSS on the host: what CLI, agent and tests use of this folder. */
export { otsCandidate, otsPublic, otsSign } from "./ots.ts";
export {
  lmsM24H5,
  lmsParameters,
  lmsTypeOfHeight,
  offlineLeaves,
  otsN24W4,
  otsParameters,
} from "./parameters.ts";
export { type LeafProgress, LmsPrivateKey, type LmsSecret } from "./sign.ts";
export { hssVerify, type LmsPublicKey, lmsVerify, parseLmsPublicKey } from "./verify.ts";
