import { AgentCode, AgentError } from "../core/errors.ts";
import type { Clock, Log } from "../core/ports.ts";
import { pause } from "../platform/timer.ts";
import { folderOrigin } from "./folder.ts";
import { createPayloads, type Payloads } from "./payloads.ts";
import type { Origin } from "./port.ts";
import { s3Origin } from "./s3.ts";

export interface PayloadSettings {
  payloads?: string;
  payloadsEndpoint?: string;
  payloadsRegion: string;
  payloadsKeyId?: string;
  payloadsSecret?: string;
}

/** Opens the origin that the settings name. @returns null for none: payloads are in the database
 *  @throws AgentError ConfigInvalid */
export function openPayloads(
  settings: PayloadSettings,
  edges: { clock: Clock; log: Log },
): Payloads | null {
  if (settings.payloads === undefined) return null;
  return createPayloads(originOf(settings, settings.payloads, edges), edges);
}

function originOf(
  settings: PayloadSettings,
  where: string,
  edges: { clock: Clock; log: Log },
): Origin {
  const refuse = (finding: string) =>
    new AgentError(AgentCode.ConfigInvalid, `FLEETLING_PAYLOADS: ${finding}`);
  if (!where.startsWith("s3://")) {
    if (/^[a-z0-9+]+:\/\//i.test(where)) {
      throw refuse(`expected s3://BUCKET/PREFIX or a folder, got ${where.split("//")[0]}//…`);
    }
    return folderOrigin(where);
  }
  const match = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,62})(?:\/([A-Za-z0-9!_.*'()/ -]{0,512}))?$/.exec(
    where,
  );
  if (match === null) throw refuse("expected s3://BUCKET/PREFIX");
  const [, bucket = "", prefix = ""] = match;
  const { payloadsKeyId: keyId, payloadsSecret: secret } = settings;
  if (keyId === undefined || secret === undefined) {
    throw refuse("expected FLEETLING_PAYLOADS_KEY_ID and FLEETLING_PAYLOADS_SECRET beside it");
  }
  const slashed = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
  const { payloadsEndpoint: endpoint, payloadsRegion: region } = settings;
  const place = { bucket, prefix: slashed, region, endpoint };
  return s3Origin({ ...place, keyId, secret }, { ...edges, pause });
}
