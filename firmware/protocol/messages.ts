/** Message numbers and enumerations of SPEC.md §4. Shared by both sides; no code. */
export const enum Msg {
  Hello = 1,
  Chal = 2,
  Prove = 3,
  Frame = 7,
  Receipt = 8,
  Refused = 9,
  ReceiptAck = 10,
  HelloWanted = 11,
  CheckIn = 16,
  Fetch = 17,
  Event = 18,
  Commit = 19,
  OrderResult = 20,
  Pong = 21,
  Reply = 32,
  Block = 33,
  Grant = 34,
  Ack = 35,
  Revert = 36,
  Wipe = 37,
  Settings = 38,
  No = 39,
  Keys = 40,
  Sunset = 41,
  Confirm = 42,
  ClearPoison = 43,
  Command = 44,
}

/** The one life of a device: same numbers on device, wire, table and screen. */
export const enum Lifecycle {
  Unknown = 0,
  Released = 1,
  ClaimPending = 2,
  Operating = 3,
  Transfer = 4,
  Wiping = 5,
  Retired = 6,
  Maintenance = 7,
}

export const enum Suite {
  HmacCtr = 1,
  AesCtr = 2,
}

export const enum SlotState {
  Confirmed = 0,
  Trial = 1,
  Recovery = 2,
}

export const enum ResetReason {
  Unknown = 0,
  PowerOn = 1,
  Pin = 2,
  Watchdog = 3,
  Software = 4,
  Crash = 5,
  BrownOut = 6,
  Update = 7,
}

export const enum WipeMode {
  Resale = 1,
  Return = 2,
  Scrap = 3,
}
