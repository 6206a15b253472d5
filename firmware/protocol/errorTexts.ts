/** What people read about each code of errors.ts. Never reaches a device. */
import { Code } from "./errors.ts";

/** Whose fault a code is: the device's, the cloud's, the world's (radio, power, time, an attacker), the author's. */
export type Fault = "device" | "cloud" | "world" | "author";

export interface ErrorText {
  /** the code's name as in errors.ts */
  name: string;
  fault: Fault;
  /** what happened, one sentence */
  text: string;
  /** what to do next, one sentence */
  next: string;
}

const text = (name: string, fault: Fault, sentence: string, next: string): ErrorText => ({
  name,
  fault,
  text: sentence,
  next,
});

/** Text of a code. @returns a text that says so for a number that has none */
export function errorText(code: number): ErrorText {
  return (
    (errorTexts as Record<number, ErrorText>)[code] ??
    text("Unknown", "device", `Code ${code} is not known here.`, "Update this software.")
  );
}

const nothing = "Nothing to do.";
const replayed = "Harmless alone; look at the network when it repeats.";

export const errorTexts: Record<Code, ErrorText> = {
  [Code.Ok]: text("Ok", "device", "Done.", nothing),
  [Code.UnknownDevice]: text(
    "UnknownDevice",
    "world",
    "The agent has no birth record of this serial.",
    "Sync the factory's births; the device retries by itself.",
  ),
  [Code.HandshakeMac]: text(
    "HandshakeMac",
    "world",
    "The proof of the handshake was made with another device key.",
    "Check that the birth record belongs to this device; a clone or a wrong KM shows up here.",
  ),
  [Code.HandshakeReplayed]: text(
    "HandshakeReplayed",
    "world",
    "The boot and handshake counters of the device did not rise.",
    "Harmless alone; when it repeats, look for a clone of this serial.",
  ),
  [Code.ChallengeExpired]: text(
    "ChallengeExpired",
    "world",
    "The answer to the challenge came too late.",
    "The device starts again by itself; check the link's delay when it repeats.",
  ),
  [Code.EpochOld]: text(
    "EpochOld",
    "device",
    "The device uses a key of an owner before this one.",
    "It was restored or cloned: order a wipe, then claim it again.",
  ),
  [Code.EpochAhead]: text(
    "EpochAhead",
    "cloud",
    "The device uses a newer key than the agent knows.",
    "The agent was restored from an old backup: follow the restore page of the runbook.",
  ),
  [Code.DeviceRetired]: text(
    "DeviceRetired",
    "world",
    "The device was decommissioned and came back.",
    "Register it again, or keep it out; it was given no data.",
  ),
  [Code.DeviceWiping]: text(
    "DeviceWiping",
    "device",
    "The device is being wiped and serves only the wipe order.",
    "Wait for the receipt.",
  ),
  [Code.ClaimCodeWrong]: text(
    "ClaimCodeWrong",
    "world",
    "The claim code does not belong to this serial.",
    "Scan the label again; its last character checks the others.",
  ),
  [Code.ClaimIntentExpired]: text(
    "ClaimIntentExpired",
    "world",
    "The claim was not finished within 15 minutes.",
    "Open the claim page again and repeat it.",
  ),
  [Code.ClaimAlreadyClaimed]: text(
    "ClaimAlreadyClaimed",
    "world",
    "The device belongs to somebody already.",
    "Ask the present owner to release it.",
  ),
  [Code.FrameMac]: text(
    "FrameMac",
    "world",
    "A frame was changed on its way or belongs to another session.",
    "The device shakes hands again by itself; look at the link when it repeats.",
  ),
  [Code.FrameReplayed]: text(
    "FrameReplayed",
    "world",
    "A frame came a second time or late.",
    replayed,
  ),
  [Code.MessageMalformed]: text(
    "MessageMalformed",
    "world",
    "A message is not of the form that SPEC.md gives.",
    "Note the sender's version and report it.",
  ),
  [Code.VersionUnsupported]: text(
    "VersionUnsupported",
    "author",
    "The version of a message or document is not supported here.",
    "Update the older side; key sets must follow by exactly one.",
  ),
  [Code.SuiteUnsupported]: text(
    "SuiteUnsupported",
    "author",
    "The cipher suite is not supported here.",
    "Compare the board file with the agent's version.",
  ),
  [Code.MessageTooLong]: text(
    "MessageTooLong",
    "author",
    "A message is longer than the carrier takes.",
    "Shorten names, metrics or notes.",
  ),
  [Code.TimeBelowFloor]: text(
    "TimeBelowFloor",
    "cloud",
    "The agent's time is before a time the device has already seen.",
    "Set the agent's clock right.",
  ),
  [Code.PossessionProofWrong]: text(
    "PossessionProofWrong",
    "world",
    "The proof of possession of the label's code is wrong.",
    "Scan the label of this very device.",
  ),
  [Code.BrokerPasswordWrong]: text(
    "BrokerPasswordWrong",
    "world",
    "The broker login does not fit the serial.",
    "Check the birth record; a stranger may be trying.",
  ),
  [Code.BrokerPasswordReplayed]: text(
    "BrokerPasswordReplayed",
    "world",
    "A broker password was used before.",
    replayed,
  ),
  [Code.TopicForbidden]: text(
    "TopicForbidden",
    "world",
    "A client used a topic that is not its own.",
    "Check the gateway's id and token.",
  ),
  [Code.GrantWrong]: text(
    "GrantWrong",
    "cloud",
    "The new device key does not fit serial and epoch.",
    "Repeat the claim; report it when it stays.",
  ),
  [Code.NotProvisioned]: text(
    "NotProvisioned",
    "author",
    "The device has no identity page.",
    "Run the factory step for this board.",
  ),
  [Code.RateLimited]: text(
    "RateLimited",
    "world",
    "Too many requests in a short time.",
    "Wait; the answer says how long.",
  ),
  [Code.ManifestMalformed]: text(
    "ManifestMalformed",
    "author",
    "The manifest is no well-formed envelope.",
    "Sign the release again; check that the file was not cut.",
  ),
  [Code.ManifestTooLarge]: text(
    "ManifestTooLarge",
    "author",
    "The envelope is longer than 4,096 bytes.",
    "Shorten the release notes.",
  ),
  [Code.ManifestOutsideProfile]: text(
    "ManifestOutsideProfile",
    "author",
    "The manifest uses something the profile does not allow.",
    "Build the release with this project's own tool.",
  ),
  [Code.ManifestDigest]: text(
    "ManifestDigest",
    "world",
    "The manifest is not the one that was signed.",
    "Fetch it again; when it stays, sign the release again.",
  ),
  [Code.ManifestNoSignature]: text(
    "ManifestNoSignature",
    "author",
    "Too few signatures by release keys.",
    "Sign with as many release keys as the key set asks for.",
  ),
  [Code.ManifestSignature]: text(
    "ManifestSignature",
    "world",
    "A signature by a known key does not hold: arbitrary software is refused.",
    "Find out who changed the release; sign it again.",
  ),
  [Code.ManifestKeyUnknown]: text(
    "ManifestKeyUnknown",
    "author",
    "The release was signed by keys this receiver does not trust.",
    "Compare the key set version of device and signer.",
  ),
  [Code.ManifestVersion]: text(
    "ManifestVersion",
    "author",
    "The manifest version is not 1.",
    "Build the release with this project's own tool.",
  ),
  [Code.WrongVendor]: text(
    "WrongVendor",
    "author",
    "The release is for another vendor's product: wrong software is refused.",
    "Check the vendor id of the release.",
  ),
  [Code.WrongClass]: text(
    "WrongClass",
    "author",
    "The release is for another product or board: wrong software is refused.",
    "Add an image for this class to the release.",
  ),
  [Code.WrongInterpreter]: text(
    "WrongInterpreter",
    "author",
    "The image was not made for this interpreter version.",
    "Build and test the image for this version, or widen the range.",
  ),
  [Code.SequenceBelowFloor]: text(
    "SequenceBelowFloor",
    "world",
    "The release is older than the device may run: a rollback is refused.",
    "Publish a newer sequence.",
  ),
  [Code.SequenceNotNewer]: text(
    "SequenceNotNewer",
    "world",
    "The device runs this release or a newer one already.",
    "Nothing to do; publish a higher sequence to change something.",
  ),
  [Code.ImageTooLarge]: text(
    "ImageTooLarge",
    "author",
    "The image does not fit the slot, or more bytes came than were signed.",
    "Make the app smaller; see the size report.",
  ),
  [Code.ImageDigest]: text(
    "ImageDigest",
    "world",
    "The image that arrived is not the one that was signed.",
    "The device fetches again; when it stays, publish the payload again.",
  ),
  [Code.ImagePoisoned]: text(
    "ImagePoisoned",
    "author",
    "This image failed on the device before and is not tried again.",
    "Publish a fixed release with a new sequence.",
  ),
  [Code.BatteryTooLow]: text(
    "BatteryTooLow",
    "world",
    "The battery is below what the release asks for.",
    "Charge the device; it updates by itself afterwards.",
  ),
  [Code.ReleaseNotFound]: text(
    "ReleaseNotFound",
    "cloud",
    "The agent has no such release for this device.",
    "Publish it, or correct the rollout.",
  ),
  [Code.FloorAboveSequence]: text(
    "FloorAboveSequence",
    "author",
    "The floor of the release is above its own sequence.",
    "Set the floor to the sequence or lower.",
  ),
  [Code.UpdateDeferred]: text(
    "UpdateDeferred",
    "device",
    "The app asked to wait with the restart.",
    "Nothing to do; it restarts when the app agrees or the limit is reached.",
  ),
  [Code.FlashWrite]: text(
    "FlashWrite",
    "device",
    "What was read back differs from what was written.",
    "The device retries in the other page; exchange it when it repeats.",
  ),
  [Code.FlashErase]: text(
    "FlashErase",
    "device",
    "A page did not erase.",
    "Exchange the device when it repeats.",
  ),
  [Code.FlashUnaligned]: text(
    "FlashUnaligned",
    "device",
    "A write was not on a whole unit.",
    "A bug: report it with the firmware version.",
  ),
  [Code.FlashRange]: text(
    "FlashRange",
    "device",
    "An address is outside the pages that may be written.",
    "A bug: report it with the firmware version.",
  ),
  [Code.JournalFull]: text(
    "JournalFull",
    "device",
    "The journal has no room for a record.",
    "A bug or a worn page: report it with the firmware version.",
  ),
  [Code.IdentityInvalid]: text(
    "IdentityInvalid",
    "device",
    "The identity page does not check.",
    "Exchange the device; it cannot be repaired in the field.",
  ),
  [Code.SlotEmpty]: text(
    "SlotEmpty",
    "device",
    "There is no image in the slot.",
    "Nothing to do; the device waits for an update in recovery.",
  ),
  [Code.SlotCrc]: text(
    "SlotCrc",
    "device",
    "The image in the slot does not check any more.",
    "The device takes the other slot or recovers; exchange it when it repeats.",
  ),
  [Code.TrialCrashed]: text(
    "TrialCrashed",
    "author",
    "The new image crashed too often and was taken back.",
    "Read the kept error text; publish a fix.",
  ),
  [Code.TrialBoots]: text(
    "TrialBoots",
    "author",
    "The new image started too often without confirming and was taken back.",
    "Look for power loss or brown-out under the new image.",
  ),
  [Code.TrialDeadline]: text(
    "TrialDeadline",
    "author",
    "The new image did not confirm in time and was taken back.",
    "Check that it can reach the agent.",
  ),
  [Code.TrialUnhealthy]: text(
    "TrialUnhealthy",
    "author",
    "The app's own health check refused the new image.",
    "Read the kept error text; publish a fix.",
  ),
  [Code.RevertOrdered]: text(
    "RevertOrdered",
    "cloud",
    "The operator ordered the image before.",
    nothing,
  ),
  [Code.RevertBelowFloor]: text(
    "RevertBelowFloor",
    "cloud",
    "The image before is older than the device may run.",
    "Publish a fixed release instead.",
  ),
  [Code.RevertNoSlot]: text(
    "RevertNoSlot",
    "device",
    "There is no image to go back to.",
    "Publish a fixed release instead.",
  ),
  [Code.UpdateConfirmed]: text(
    "UpdateConfirmed",
    "device",
    "The new image confirmed itself.",
    nothing,
  ),
  [Code.UpdateInstalled]: text(
    "UpdateInstalled",
    "device",
    "The new image was written and checked.",
    "Nothing to do; its trial begins.",
  ),
  [Code.UpdateStarted]: text(
    "UpdateStarted",
    "device",
    "The device began to fetch an update.",
    nothing,
  ),
  [Code.WipeInProgress]: text(
    "WipeInProgress",
    "device",
    "A wipe has begun and goes on after every restart.",
    "Keep the device powered until it reports.",
  ),
  [Code.OutOfMemory]: text(
    "OutOfMemory",
    "device",
    "The interpreter had no memory left.",
    "Make the app smaller; see the memory vital.",
  ),
};
