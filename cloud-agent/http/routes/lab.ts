import { Type } from "typebox";
import { envelopeBytesMax } from "../../../firmware/protocol/limits.ts";
import { AgentCode, AgentError } from "../../core/errors.ts";
import { needDevice } from "../../core/lifecycle.ts";
import { payloadBytesMax } from "../../core/limits.ts";
import { person } from "../auth.ts";
import type { Api, ApiDeps } from "../deps.ts";
import { base64, failures, sequence, serial, serialParams } from "../schemas.ts";

const labOffer = Type.Object(
  {
    serial,
    sequence,
    // Wrong ones are what a lab is for, so they may be larger than a device takes.
    envelope: base64(envelopeBytesMax * 2),
    payload: base64(payloadBytesMax),
  },
  { additionalProperties: false },
);
const labReply = Type.Object({ serial: Type.String(), sequence: Type.Integer() });

/** Hands one device anything at all, so that its own refusal can be seen. Refused by an agent that is not a lab's. */
export function labRoutes(app: Api, deps: ApiDeps): void {
  const needLab = async () => {
    if (deps.config.lab) return;
    throw new AgentError(AgentCode.LabOnly, "agent: expected a lab's, this one is not");
  };
  app.post(
    "/v1/lab/offers",
    {
      preValidation: needLab,
      bodyLimit: 2 * payloadBytesMax,
      schema: {
        summary: "Offer a device an image that nobody has verified",
        body: labOffer,
        response: { 202: labReply, ...failures },
      },
    },
    async (request, reply) => {
      const { serial, sequence } = request.body;
      await deps.store.tx(async (tx) => {
        await needDevice(tx, serial);
        await tx.appendEvent(
          {
            kind: "labOfferMade",
            serial,
            sequence,
            text: `${person(request)} offered ${serial} an unverified image as release ${sequence}.`,
          },
          deps.clock.nowMs(),
        );
      });
      deps.lab.put(serial, {
        sequence,
        envelope: new Uint8Array(Buffer.from(request.body.envelope, "base64")),
        payload: new Uint8Array(Buffer.from(request.body.payload, "base64")),
      });
      deps.nudge(serial);
      return reply.code(202).send({ serial, sequence });
    },
  );
  app.delete(
    "/v1/lab/offers/:serial",
    {
      preValidation: needLab,
      schema: {
        summary: "Take an unverified offer back",
        params: serialParams,
        response: { 204: Type.Null(), ...failures },
      },
    },
    async (request, reply) => {
      const { serial } = request.params;
      if (!deps.lab.remove(serial)) {
        throw new AgentError(AgentCode.NotFound, `lab offer for ${serial}: there is none`);
      }
      return reply.code(204).send(null);
    },
  );
}
