/** What the command says when it stops: code, object, expectation, finding, and what to do, for every error of the world. */
import { CommanderError } from "commander";
import { AgentError, errorKinds } from "../../cloud-agent/core/errors.ts";
import { errorTexts } from "../../firmware/protocol/errorTexts.ts";
import { CodedError } from "../../firmware/protocol/host/codedError.ts";

/** Words for an error that has a code of ours or of the operating system.
 *  @returns null for anything else: that is a fault of this program, and its stack is wanted */
export function explained(error: unknown): string | null {
  if (!(error instanceof Error)) return null;
  if (error instanceof CodedError) {
    const { name, next } = errorTexts[error.code];
    return `${name} (${error.code}): ${error.message}. ${next}`;
  }
  if (error instanceof AgentError) {
    return `${error.name} (${error.code}): ${error.message}. ${errorKinds[error.code]!.next}`;
  }
  if (isOfSystem(error)) return systemWords(error);
  // Tools and build carry a code that is a text, and say all in their message.
  return "code" in error && typeof error.code === "string" ? error.message : null;
}

/** A wrong flag or argument, in the words of commander with a code before them. */
export function commandLineWords(text: string): string {
  return `COMMAND_LINE: ${text.replace(/^error: /, "")}`;
}

/** True for what commander has told already: help, version, and wrong flags. */
export function isTold(error: unknown): error is CommanderError {
  return error instanceof CommanderError;
}

function isOfSystem(error: Error): error is NodeJS.ErrnoException {
  return "errno" in error && "syscall" in error && "code" in error;
}

const systemNext: Record<string, string> = {
  EACCES: "Take a place where you may write, or ask for the rights.",
  EPERM: "Take a place where you may write, or ask for the rights.",
  EROFS: "Take a place that is not read-only.",
  ENOENT: "Check the path; folders on the way have to be there.",
  ENOTDIR: "Check the path: a part of it is a file.",
  EISDIR: "Check the path: it is a folder.",
  ENOSPC: "Make room on the disk.",
};

function systemWords(error: NodeJS.ErrnoException): string {
  const { code = "", path, syscall } = error;
  const next = systemNext[code] ?? "Check the path and the disk.";
  return `FILE_ACCESS: ${path ?? "a file"}: expected to ${syscall} it, got ${code}. ${next}`;
}
