/** The alert settings file, and the secrets it names. */
import { readFileSync } from "node:fs";
import {
  type AlertSettings,
  isAbout,
  type OutputSettings,
  type OutputTopic,
  parseAlertSettings,
} from "../core/alerts/settings.ts";
import { AgentCode, AgentError } from "../core/errors.ts";
import type { Clock, Log } from "../core/ports.ts";
import { createEmail } from "../outputs/email.ts";
import { createLogOutput } from "../outputs/log.ts";
import type { Output } from "../outputs/port.ts";
import { createWebhook } from "../outputs/webhook.ts";
import { readSecret } from "./secretFile.ts";

/** @param path JSON; omitted: every rule with its defaults, told in the log
 *  @throws AgentError AlertSettingsInvalid */
export function readAlertSettings(path: string | undefined): AlertSettings {
  return parseAlertSettings(path === undefined ? {} : readJson(path));
}

/** The outputs that the settings name. @throws AgentError AlertSettingsInvalid for a secret that cannot be read */
export function createOutputs(
  settings: OutputSettings[],
  edges: { clock: Clock; log: Log },
): Output[] {
  return settings.map((output) => {
    if (output.kind === "log") return createLogOutput(output.name, edges.log);
    if (output.kind === "webhook") {
      const secret = output.secret ?? secretOf(output.name, output.secretFile!);
      return createWebhook({ ...output, secret }, edges.clock);
    }
    const { passwordFile } = output;
    const password =
      passwordFile === undefined ? output.password : secretOf(output.name, passwordFile);
    return createEmail({ ...output, password });
  });
}

/** Names of the outputs that take what is about this. */
export function outputsAbout({ outputs }: AlertSettings, topic: OutputTopic): string[] {
  return outputs.filter((output) => isAbout(output, topic)).map(({ name }) => name);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const text = `alert settings ${path}: expected a JSON file, got: ${(cause as Error).message}`;
    throw new AgentError(AgentCode.AlertSettingsInvalid, text, { cause });
  }
}

function secretOf(output: string, path: string): string {
  return readSecret(`output ${output}`, path, AgentCode.AlertSettingsInvalid);
}
