import type { IdentityInput } from "../../scripts/cli/factory/identity.ts";

const filled = (bytes: number, value: number) => new Uint8Array(bytes).fill(value);

/** An identity in which every field has a value of its own. */
export const identityInput: IdentityInput = {
  serial: "SN-00042",
  vendorId: filled(16, 1),
  classId: filled(16, 2),
  kmId: 7,
  hardwareRev: 3,
  keySetVersion: 258,
  threshold: 1,
  releaseKeys: [filled(48, 11), filled(48, 12)],
  deviceKey: filled(32, 21),
  popKey: filled(32, 22),
  seed: filled(32, 23),
  receiptI: filled(16, 24),
  receiptSeed: filled(24, 25),
  agentHost: "agent.example",
  agentPort: 1883,
  wifi: { ssid: "line", password: "secret" },
};
