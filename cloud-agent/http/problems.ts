/** Errors as RFC 9457 problem documents: machine-readable code and name, and for people what to do next. */
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";
import { AgentCode, AgentError, errorKinds } from "../core/errors.ts";
import type { Log } from "../core/ports.ts";

export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  code: number;
  name: string;
  next: string;
}

/** Describes a coded failure. A code without an entry is reported as Internal: an error that nobody has thought about
 *  tells nothing to strangers. */
export function problemOf(code: number, detail: string): Problem {
  const kind = errorKinds[code];
  if (!kind) return problemOf(AgentCode.Internal, "an unexpected error");
  return {
    type: `urn:fleetling:problem:${kind.name}`,
    title: words(kind.name),
    status: kind.status,
    detail,
    code,
    name: kind.name,
    next: kind.next,
  };
}

/** Sends a problem document. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  return reply.code(problem.status).type("application/problem+json").send(problem);
}

/** The one error handler: every failure of every route ends here. */
export function errorHandler(log: Log) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = toProblem(error, request);
    if (problem.status >= 500) {
      log.error(
        { err: error, requestId: request.id, route: request.routeOptions.url },
        "request failed",
      );
    }
    if (error instanceof AgentError && error.retryAfterS !== undefined) {
      reply.header("retry-after", String(error.retryAfterS));
    }
    if (problem.code === AgentCode.Unauthenticated) reply.header("www-authenticate", "Bearer");
    return sendProblem(reply, problem);
  };
}

function toProblem(error: FastifyError, request: FastifyRequest): Problem {
  if (error instanceof AgentError || error instanceof CodedError) {
    if (errorKinds[error.code]) return problemOf(error.code, error.message);
  } else if (error.validation) {
    return problemOf(AgentCode.RequestInvalid, error.message);
  } else if (error.statusCode === 413) {
    return problemOf(AgentCode.RequestTooLarge, `request: ${error.message}`);
  } else if (error.statusCode !== undefined && error.statusCode < 500) {
    return problemOf(AgentCode.RequestInvalid, `request: ${error.message}`);
  }
  return problemOf(AgentCode.Internal, `request ${request.id}: an unexpected error`);
}

/** "ClaimCodeWrong" → "Claim code wrong" */
function words(name: string): string {
  const text = name.replace(/(?!^)([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);
  return text.charAt(0).toUpperCase() + text.slice(1);
}
