import { type DestinationStream, pino } from "pino";
import type { Log } from "../core/ports.ts";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** JSON lines on standard output. Fields that can hold a secret are blanked, whoever logs them.
 *  @param destination where lines go; omitted: standard output */
export function createLog(level: LogLevel, destination?: DestinationStream): Log {
  const options = {
    level,
    base: {},
    redact: {
      paths: ["authorization", "token", "claimCode", "ackToken"].flatMap((name) => [
        name,
        `*.${name}`,
      ]),
      censor: "[secret]",
    },
  };
  const logger = destination ? pino(options, destination) : pino(options);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
  };
}
