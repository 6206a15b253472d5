import { Type } from "typebox";
import { settingNamePattern } from "../../../firmware/protocol/host/settings.ts";
import { personCharsMax, reasonCharsMax } from "../../../firmware/protocol/host/words.ts";
import { commandsMax, envelopeBytesMax, settingsMax } from "../../../firmware/protocol/limits.ts";
import { AgentCode, AgentError } from "../../core/errors.ts";
import { imagesPerReleaseMax, payloadBytesMax, releaseBodyBytesMax } from "../../core/limits.ts";
import { acceptReleaseKeys } from "../../core/releaseKeys.ts";
import { needRelease, publishRelease, signedPayloads } from "../../core/releases.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { base64, failures, hex, release, sequence, sequenceParams, uint32 } from "../schemas.ts";

const evidence = Type.Object(
  { digest: hex(32), summary: Type.String({ minLength: 3, maxLength: 500 }) },
  { additionalProperties: false },
);
const publishBody = Type.Object(
  {
    sequence: Type.Optional(sequence),
    floor: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xffff_ffff })),
    version: Type.Optional(Type.String({ minLength: 1, maxLength: 32 })),
    type: Type.Optional(
      Type.Union([Type.Literal("security"), Type.Literal("fix"), Type.Literal("feature")]),
    ),
    notes: Type.Optional(Type.String({ maxLength: 2048 })),
    ticket: Type.Optional(
      Type.Object(
        {
          floor: uint32({ description: "of the devices that may take it" }),
          person: Type.String({ minLength: 1, maxLength: personCharsMax }),
          reason: Type.String({ minLength: 1, maxLength: reasonCharsMax }),
        },
        { additionalProperties: false, description: "why there are downgrade tickets" },
      ),
    ),
    unchecked: Type.Optional(
      Type.Object(
        {
          person: Type.String({ minLength: 1, maxLength: personCharsMax }),
          reason: Type.String({ minLength: 1, maxLength: reasonCharsMax }),
        },
        {
          additionalProperties: false,
          description: "who had it signed without trying an update of it, and why",
        },
      ),
    ),
    mustPass: Type.Optional(
      Type.Boolean({ description: "devices below it confirm it before anything higher" }),
    ),
    evidence: Type.Optional(
      Type.Object(
        { rehearsal: Type.Optional(evidence), tests: Type.Optional(evidence) },
        { additionalProperties: false, description: "reports that were sent before, by digest" },
      ),
    ),
    images: Type.Array(
      Type.Object(
        {
          board: Type.String({ minLength: 1, maxLength: 32 }),
          classId: Type.Optional(hex(16)),
          digest: Type.Optional(hex(32)),
          settings: Type.Optional(
            Type.Record(Type.String(), Type.Unknown(), { maxProperties: settingsMax }),
          ),
          commands: Type.Optional(
            Type.Array(Type.String({ pattern: settingNamePattern.source }), {
              ...{ maxItems: commandsMax, uniqueItems: true },
            }),
          ),
          names: Type.Optional(hex(32)),
          envelope: base64(envelopeBytesMax),
          ticket: Type.Optional(base64(envelopeBytesMax)),
          payload: base64(payloadBytesMax),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: imagesPerReleaseMax },
    ),
  },
  { additionalProperties: false },
);

/** Publishing and reading releases. */
export function releaseRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/releases",
    {
      bodyLimit: releaseBodyBytesMax,
      schema: {
        summary: "Publish signed images: the very file that `fleetling release sign` writes",
        description:
          "What the manifests say goes first; what the body says beside them must agree with it. The same images again " +
          "may bring a downgrade ticket, which replaces the one before.",
        body: publishBody,
        response: { 200: release, 201: release, ...failures },
      },
    },
    async (request, reply) => {
      const files = deps.releaseKeyFiles();
      if (files.length === 0) {
        throw new AgentError(
          AgentCode.ReleaseKeysMissing,
          "release keys: expected the key set's public file, found none",
        );
      }
      const { images, ...rest } = request.body;
      const decoded = images.map(({ envelope, payload, ticket, ...said }) => ({
        ...said,
        ticket: ticket === undefined ? undefined : bytes(ticket),
        envelope: bytes(envelope),
        payload: bytes(payload),
      }));
      const publication = { ...rest, images: decoded, person: person(request) };
      if (deps.payloads.hasOrigin) {
        // Outside of a transaction: an origin takes its time. What no release names there does no harm.
        const keys = await deps.store.tx((tx) => acceptReleaseKeys(tx, files));
        for (const { digest, payload } of signedPayloads(publication, keys)) {
          await deps.payloads.put(digest, payload);
        }
      }
      const published = await deps.store.tx(async (tx) => {
        const keys = await acceptReleaseKeys(tx, files);
        const { releaseGate: gate } = deps.config;
        const payloadsAt = deps.payloads.hasOrigin ? ("origin" as const) : undefined;
        const options = { keys, gate, payloadsAt, nowMs: deps.clock.nowMs() };
        return publishRelease(tx, publication, options);
      });
      return reply.code(published.wasNew ? 201 : 200).send(published.release);
    },
  );
  app.get(
    "/v1/releases",
    {
      schema: {
        summary: "All releases by sequence",
        response: { 200: Type.Object({ releases: Type.Array(release) }), ...failures },
      },
    },
    async () => ({ releases: await deps.store.tx((tx) => tx.releases()) }),
  );
  app.get(
    "/v1/releases/:sequence",
    {
      schema: {
        summary: "One release",
        params: sequenceParams,
        response: { 200: release, ...failures },
      },
    },
    (request) => deps.store.tx((tx) => needRelease(tx, Number(request.params.sequence))),
  );
}

function bytes(base64Text: string): Uint8Array {
  return new Uint8Array(Buffer.from(base64Text, "base64"));
}
