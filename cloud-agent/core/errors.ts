/** Errors that people and programs meet at the agent's edges: number, name, HTTP status and what to do next.
 *  Numbers below 600 are the device's own (firmware/protocol/errors.ts); 600-699 are the agent's. Never reused. */
import { Code } from "../../firmware/protocol/errors.ts";
import { fleetErrorKinds } from "./fleetErrorKinds.ts";
import { ownershipErrorKinds } from "./ownershipErrorKinds.ts";
import { releaseErrorKinds } from "./releaseErrorKinds.ts";
import { rolloutErrorKinds } from "./rolloutErrorKinds.ts";
import { storeErrorKinds } from "./storeErrorKinds.ts";

export const enum AgentCode {
  RequestInvalid = 600,
  Unauthenticated = 601,
  Forbidden = 602,
  NotFound = 603,
  RequestTooLarge = 604,
  Internal = 605,
  LastAdministrator = 606,
  BirthDiffers = 610,
  DeviceNotOperating = 611,
  WipeAlreadyOrdered = 612,
  OrderPending = 613,
  CertificateNotIssued = 614,
  LotHeld = 615,
  RmaStateWrong = 616,
  ReleaseDiffers = 620,
  ReleaseKeysMissing = 621,
  ReleaseClassTwice = 622,
  LeafReused = 623,
  LeavesExhausted = 624,
  LedgerBehind = 625,
  LeasesHeld = 626,
  LeaseRangesFull = 627,
  ReleaseKeyUnknown = 628,
  LeaseOfAnother = 629,
  RolloutStateWrong = 630,
  RolloutPolicyInvalid = 631,
  ApproverIsAuthor = 632,
  ClaimIncomplete = 633,
  EntitlementOver = 634,
  ConsentInvalid = 635,
  HookVetoed = 636,
  HookFailed = 637,
  HooksInvalid = 638,
  ProvisioningStateWrong = 639,
  LabOnly = 640,
  FilterInvalid = 641,
  FilterUnknown = 642,
  FilterInUse = 643,
  ImportInvalid = 644,
  ImportConflict = 645,
  OriginUnreachable = 646,
  PayloadDamaged = 647,
  LinkInvalid = 648,
  RangeUnsatisfiable = 649,
  SchemaNewer = 650,
  ConfigInvalid = 651,
  KeyFileInvalid = 652,
  CommandsFull = 653,
  ProductInvalid = 660,
  PromiseBroken = 661,
  TicketInvalid = 662,
  TicketAlone = 663,
  PolicyFileInvalid = 670,
  ApprovalMissing = 671,
  ConsentNotAsked = 672,
  ConsentNotOwner = 673,
  ReleaseIncomplete = 674,
  EvidenceMissing = 675,
  EvidenceWrong = 676,
  ReportInvalid = 677,
  HistoryTooShort = 678,
  StoreUnreachable = 680,
  StoreMoved = 681,
  StoreNotEmpty = 682,
  BrokerUnreachable = 683,
  MetricUnknown = 690,
  AlertSettingsInvalid = 691,
  AlertClosed = 692,
  SilenceInvalid = 693,
  NotInMaintenance = 694,
  DeviceInService = 695,
}

export interface ErrorKind {
  name: string;
  /** HTTP status */
  status: number;
  /** what the reader can do now */
  next: string;
}

/** Every code an HTTP reply can carry. */
export const errorKinds: Record<number, ErrorKind> = {
  ...releaseErrorKinds,
  ...rolloutErrorKinds,
  ...storeErrorKinds,
  ...fleetErrorKinds,
  ...ownershipErrorKinds,
  [Code.UnknownDevice]: {
    name: "UnknownDevice",
    status: 404,
    next: "Check the serial, or register the device's birth record first.",
  },
  [Code.DeviceRetired]: {
    name: "DeviceRetired",
    status: 409,
    next: "The device has left; its certificate is at /v1/devices/{serial}/certificate.",
  },
  [Code.DeviceWiping]: {
    name: "DeviceWiping",
    status: 409,
    next: "Wait for the wipe to end; the device resumes it at every start.",
  },
  [Code.ClaimCodeWrong]: {
    name: "ClaimCodeWrong",
    status: 403,
    next: "Read the code from the label again; it has 17 characters, the last one is a check.",
  },
  [Code.ClaimAlreadyClaimed]: {
    name: "ClaimAlreadyClaimed",
    status: 409,
    next: "The present owner has to decommission the device first.",
  },
  [Code.RateLimited]: {
    name: "RateLimited",
    status: 429,
    next: "Wait for the time in Retry-After.",
  },
  [Code.ReleaseNotFound]: {
    name: "ReleaseNotFound",
    status: 404,
    next: "List the releases at /v1/releases.",
  },
  [Code.ImagePoisoned]: {
    name: "ImagePoisoned",
    status: 409,
    next: "Build a release with a higher sequence; a poisoned image is never offered again.",
  },
  [Code.ImageDigest]: {
    name: "ImageDigest",
    status: 422,
    next: "Send the very payload that was signed.",
  },
  [Code.SettingUnknown]: {
    name: "SettingUnknown",
    status: 422,
    next: "Read the release's declared settings at /v1/releases/{sequence}.",
  },
  [Code.SettingType]: {
    name: "SettingType",
    status: 422,
    next: "Set a value of the declared type; the detail shows the declaration.",
  },
  [Code.SettingRange]: {
    name: "SettingRange",
    status: 422,
    next: "Set a value within the declared range or choices; the detail shows them.",
  },
  [Code.CommandUnknown]: {
    name: "CommandUnknown",
    status: 422,
    next: "Read the release's declared commands at /v1/releases/{sequence}.",
  },
  [Code.ManifestMalformed]: manifest("ManifestMalformed"),
  [Code.ManifestTooLarge]: manifest("ManifestTooLarge"),
  [Code.ManifestOutsideProfile]: manifest("ManifestOutsideProfile"),
  [Code.ManifestDigest]: manifest("ManifestDigest"),
  [Code.ManifestNoSignature]: manifest("ManifestNoSignature"),
  [Code.ManifestSignature]: manifest("ManifestSignature"),
  [Code.ManifestKeyUnknown]: manifest("ManifestKeyUnknown"),
  [Code.ThresholdMissed]: {
    name: "ThresholdMissed",
    status: 422,
    next: "Have another person sign it too: fleetling release add-signature.",
  },
  [Code.ManifestVersion]: manifest("ManifestVersion"),
  [Code.FloorAboveSequence]: manifest("FloorAboveSequence"),
  [Code.RevertNoSlot]: {
    name: "RevertNoSlot",
    status: 409,
    next: "The other slot holds no valid image; roll out a newer release instead.",
  },
  [Code.RevertBelowFloor]: {
    name: "RevertBelowFloor",
    status: 409,
    next: "The other image is older than the device's floor; roll out a newer release instead.",
  },
  [Code.PoisonUnknown]: {
    name: "PoisonUnknown",
    status: 404,
    next: "Read the device's poison at /v1/devices/{serial}.",
  },
  [Code.NothingToConfirm]: {
    name: "NothingToConfirm",
    status: 409,
    next: "Read slotState and runningSequence at /v1/devices/{serial}; a trial that is over cannot be confirmed.",
  },
  [AgentCode.RequestInvalid]: {
    name: "RequestInvalid",
    status: 400,
    next: "Compare the request with /openapi.json.",
  },
  [AgentCode.Unauthenticated]: {
    name: "Unauthenticated",
    status: 401,
    next: "Send the header 'Authorization: Bearer TOKEN' with a token that has not expired.",
  },
  [AgentCode.Forbidden]: {
    name: "Forbidden",
    status: 403,
    next: "Use a token with one of the roles named in the detail.",
  },
  [AgentCode.NotFound]: {
    name: "NotFound",
    status: 404,
    next: "The routes are listed in /openapi.json.",
  },
  [AgentCode.RequestTooLarge]: {
    name: "RequestTooLarge",
    status: 413,
    next: "Send less; limits are in /openapi.json.",
  },
  [AgentCode.Internal]: {
    name: "Internal",
    status: 500,
    next: "Look for the request id in the agent's log.",
  },
  [AgentCode.LastAdministrator]: {
    name: "LastAdministrator",
    status: 409,
    next: "Make another administrator's token first: fleetling token new --role admin --name NAME.",
  },
  [AgentCode.BirthDiffers]: {
    name: "BirthDiffers",
    status: 409,
    next: "A serial is born once. Give the new device another serial.",
  },
  [AgentCode.DeviceNotOperating]: {
    name: "DeviceNotOperating",
    status: 409,
    next: "Claim the device first.",
  },
  [AgentCode.WipeAlreadyOrdered]: {
    name: "WipeAlreadyOrdered",
    status: 409,
    next: "The first order stands; wait for its receipt.",
  },
  [AgentCode.OrderPending]: {
    name: "OrderPending",
    status: 409,
    next: "Wait until the device has answered the order named in the detail.",
  },
  [AgentCode.CertificateNotIssued]: {
    name: "CertificateNotIssued",
    status: 404,
    next: "A certificate exists once the device has sent its wipe receipt.",
  },
  [AgentCode.LotHeld]: {
    name: "LotHeld",
    status: 409,
    next: "Set the part aside; the hold and its reason are at /v1/holds.",
  },
  [AgentCode.RmaStateWrong]: {
    name: "RmaStateWrong",
    status: 409,
    next: "Read the device's returns at /v1/rmas.",
  },
  [AgentCode.RolloutStateWrong]: {
    name: "RolloutStateWrong",
    status: 409,
    next: "Read the rollout's status at /v1/rollouts/{id}.",
  },
  [AgentCode.RolloutPolicyInvalid]: {
    name: "RolloutPolicyInvalid",
    status: 422,
    next: "Correct the field that the detail names.",
  },
  [AgentCode.ApproverIsAuthor]: {
    name: "ApproverIsAuthor",
    status: 403,
    next: "Have another person approve the rollout.",
  },
  [AgentCode.LabOnly]: {
    name: "LabOnly",
    status: 403,
    next: "This route exists only on an agent that was started with FLEETLING_LAB=true.",
  },
  [AgentCode.SchemaNewer]: {
    name: "SchemaNewer",
    status: 500,
    next: "Start the newer agent, or restore the backup made before it.",
  },
  [AgentCode.ConfigInvalid]: {
    name: "ConfigInvalid",
    status: 500,
    next: "Correct the variables named in the message.",
  },
  [AgentCode.KeyFileInvalid]: {
    name: "KeyFileInvalid",
    status: 500,
    next: "Restore the key file from its backup; never let a new one be made for an old database.",
  },
  [AgentCode.CommandsFull]: {
    name: "CommandsFull",
    status: 409,
    next: "Wait for their results, or until they expire; they are listed at /v1/devices/{serial}/commands.",
  },
  [AgentCode.ProductInvalid]: {
    name: "ProductInvalid",
    status: 422,
    next: "Correct the day that the detail names.",
  },
  [AgentCode.PromiseBroken]: {
    name: "PromiseBroken",
    status: 409,
    next: "A promise to customers may only be lengthened; give the promised day or a later one.",
  },
  [AgentCode.TicketInvalid]: {
    name: "TicketInvalid",
    status: 422,
    next: "Sign the ticket for this very release: fleetling release ticket.",
  },
  [AgentCode.TicketAlone]: {
    name: "TicketAlone",
    status: 422,
    next: "Publish the file that fleetling release ticket wrote; it has both envelopes in their places.",
  },
  [AgentCode.MetricUnknown]: {
    name: "MetricUnknown",
    status: 404,
    next: "Ask for one of the metrics that the detail names, or for a longer time.",
  },
  [AgentCode.AlertSettingsInvalid]: {
    name: "AlertSettingsInvalid",
    status: 500,
    next: "Correct the settings named in the message, in the file that FLEETLING_ALERTS names.",
  },
  [AgentCode.AlertClosed]: {
    name: "AlertClosed",
    status: 409,
    next: "List the open alerts at /v1/alerts.",
  },
  [AgentCode.SilenceInvalid]: {
    name: "SilenceInvalid",
    status: 422,
    next: "Name what is to be silent, or end silences that are not needed any more.",
  },
  [AgentCode.NotInMaintenance]: {
    name: "NotInMaintenance",
    status: 409,
    next: "Nothing to do: it gets offers and alerts as any other device.",
  },
  [AgentCode.DeviceInService]: {
    name: "DeviceInService",
    status: 409,
    next: "Decommission the device and wait for its wipe; export its data before you erase it.",
  },
};

function manifest(name: string): ErrorKind {
  return { name, status: 422, next: "Build and sign the release again with the present key set." };
}

/** An expected failure with its code. The message names object, expectation and finding. */
export class AgentError extends Error {
  readonly code: number;
  /** seconds, where waiting helps */
  readonly retryAfterS: number | undefined;

  constructor(
    code: number,
    message: string,
    options: { cause?: unknown; retryAfterS?: number } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = errorKinds[code]?.name ?? `Code${code}`;
    this.code = code;
    this.retryAfterS = options.retryAfterS;
  }
}
