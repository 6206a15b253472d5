import { Type } from "typebox";
import { AgentCode, AgentError } from "../../core/errors.ts";
import { leaseLeaves, releaseLeases } from "../../core/leases.ts";
import { leaseLeavesMax, leaseToldMax } from "../../core/limits.ts";
import { acceptReleaseKeys } from "../../core/releaseKeys.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { failures, hex } from "../schemas.ts";

const closed = { additionalProperties: false };
const leaf = Type.Integer({ minimum: 0, maximum: 2 ** 25 });

/** Leaves of release keys for signing desks. */
export function leaseRoutes(app: Api, deps: ApiDeps): void {
  app.post(
    "/v1/leases",
    {
      schema: {
        summary: "Lease leaves of a release key to the signing desk that the token is named after",
        description:
          "The ranges of the desk's ledger are compared with what was leased and seen first; " +
          "`leaves` 0 only compares. A lease whose answer is lost stays unused.",
        body: Type.Object(
          {
            publicKey: hex(48),
            leaves: Type.Integer({ minimum: 0, maximum: leaseLeavesMax }),
            ranges: Type.Array(Type.Object({ from: leaf, to: leaf, next: leaf }, closed), {
              maxItems: leaseToldMax,
            }),
          },
          closed,
        ),
        response: {
          200: Type.Object({
            lease: Type.Union([Type.Object({ from: leaf, to: leaf }), Type.Null()]),
            leavesLeft: leaf,
            leaves: leaf,
            warning: Type.Union([Type.String(), Type.Null()]),
          }),
          ...failures,
        },
      },
    },
    async (request) => {
      const files = deps.releaseKeyFiles();
      if (files.length === 0) {
        throw new AgentError(
          AgentCode.ReleaseKeysMissing,
          "release keys: expected the key set's public file, found none",
        );
      }
      const { publicKey, leaves, ranges } = request.body;
      return deps.store.tx(async (tx) => {
        const { newest } = await acceptReleaseKeys(tx, files);
        return leaseLeaves(
          tx,
          {
            publicKey: new Uint8Array(Buffer.from(publicKey, "hex")),
            desk: person(request),
            count: leaves,
            told: ranges,
          },
          { releaseKeys: newest.release, nowMs: deps.clock.nowMs() },
        );
      });
    },
  );
  app.post(
    "/v1/leases/release",
    {
      schema: {
        summary: "After a restore: every signing desk has compared its ledger, so lease again",
        body: Type.Object({}, closed),
        response: { 200: Type.Object({ wasHeld: Type.Boolean() }), ...failures },
      },
    },
    async (request) => {
      const who = person(request);
      const nowMs = deps.clock.nowMs();
      return { wasHeld: await deps.store.tx((tx) => releaseLeases(tx, who, nowMs)) };
    },
  );
}
