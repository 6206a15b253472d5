/** Commands that speak to a running agent: where it is, who asks, and what its refusals look like in a terminal. */
import { Readable } from "node:stream";
import { type Command, Option } from "commander";

/** Flags that every such command takes. */
export interface ApiFlags {
  url: string;
  token?: string;
  json?: boolean;
}

const replyMsMax = 30_000;

/** What stopped a command: the agent's own refusal, or that it could not be asked. */
export class ApiError extends Error {
  readonly code: string;
  constructor(code: string, message: string, options?: { cause: unknown }) {
    super(message, options);
    this.name = "ApiError";
    this.code = code;
  }
}

/** Adds --url, --token and --json, with the environment behind them. */
export function withApiFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--url <url>", "address of the agent")
        .env("FLEETLING_URL")
        .default("http://127.0.0.1:8080"),
    )
    .addOption(
      new Option("--token <token>", "bearer token; better in the environment").env(
        "FLEETLING_TOKEN",
      ),
    )
    .option("--json", "print the reply as JSON");
}

/** Asks the agent.
 *  @param path begins with "/v1"; what comes from people has to be encoded in it
 *  @param body sent as JSON, or a stream of JSON lines
 *  @returns the decoded reply, null for an empty one
 *  @throws ApiError with the agent's words and what to do next; NO_TOKEN, AGENT_UNREACHABLE */
export async function callApi<T>(
  flags: ApiFlags,
  method: "GET" | "POST" | "PUT" | "DELETE",
  path: string,
  body?: unknown,
): Promise<T> {
  needToken(flags);
  const reply = await send(flags, method, path, body);
  const text = await reply.text();
  const value = parse(text);
  if (reply.ok) return value as T;
  throw refusal(reply.status, value, `${method} ${path}`);
}

/** Writes a reply of any length to standard output as it comes. @throws ApiError as callApi */
export async function writeReply(flags: ApiFlags, path: string): Promise<void> {
  for await (const part of readReply(flags, path)) {
    if (process.stdout.write(part)) continue;
    await new Promise((resolve) => process.stdout.once("drain", resolve));
  }
}

/** Reads a reply of any length as it comes, for as long as it takes. @throws ApiError as callApi, STREAM_BROKEN */
export async function* readReply(flags: ApiFlags, path: string): AsyncGenerator<Uint8Array> {
  needToken(flags);
  const reply = await send(flags, "GET", path, undefined);
  if (!reply.ok) throw refusal(reply.status, parse(await reply.text()), `GET ${path}`);
  try {
    yield* reply.body ?? [];
  } catch (cause) {
    const text = `STREAM_BROKEN: GET ${path}: expected the whole reply, it broke off. Ask again.`;
    throw new ApiError("STREAM_BROKEN", text, { cause });
  }
}

const unitS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

/** Seconds of a time as people write it: 30m, 4h or 7d. @throws ApiError FLAG_INVALID */
export function secondsOf(time: string, flag = "--for"): number {
  const match = /^([1-9]\d{0,4})([mhd])$/.exec(time);
  if (match) return Number(match[1]) * unitS[match[2]!]!;
  throw flagInvalid(flag, "a time like 30m, 4h or 7d", time || "none");
}

/** A flag whose value makes no sense. */
export function flagInvalid(flag: string, wanted: string, got: string): ApiError {
  return new ApiError(
    "FLAG_INVALID",
    `FLAG_INVALID: ${flag}: expected ${wanted}, got ${got}. See --help.`,
  );
}

/** Prints a reply: as JSON where it was asked for, else the lines. */
export function show(flags: ApiFlags, value: unknown, lines: string[]): void {
  process.stdout.write(flags.json ? `${JSON.stringify(value)}\n` : `${lines.join("\n")}\n`);
}

/** Columns of text, each as wide as its widest cell. */
export function columns(head: string[], rows: (string | number | null)[][]): string[] {
  const cells = [head, ...rows.map((row) => row.map((cell) => String(cell ?? "-")))];
  const widths = head.map((_, at) => Math.max(...cells.map((row) => row[at]!.length)));
  return cells.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd(),
  );
}

/** Path with its values encoded: path`/v1/devices/${serial}`. */
export function path(parts: TemplateStringsArray, ...values: (string | number)[]): string {
  return parts.reduce(
    (text, part, at) => text + part + (at < values.length ? encodeURIComponent(values[at]!) : ""),
    "",
  );
}

function needToken(flags: ApiFlags): void {
  if (flags.token) return;
  const text = "NO_TOKEN: expected a token, got none. Set FLEETLING_TOKEN, or give --token.";
  throw new ApiError("NO_TOKEN", text);
}

async function send(
  flags: ApiFlags,
  method: string,
  path: string,
  body: unknown,
): Promise<Response> {
  const isStream = body instanceof Readable;
  const stop = new AbortController();
  // For the answer to begin; a stream that goes or comes takes its time.
  const timer = setTimeout(() => stop.abort(), replyMsMax);
  if (isStream) clearTimeout(timer);
  try {
    return await fetch(new URL(path, flags.url), {
      method,
      headers: {
        authorization: `Bearer ${flags.token}`,
        ...(body === undefined
          ? {}
          : { "content-type": isStream ? "application/x-ndjson" : "application/json" }),
      },
      ...(isStream ? { body: Readable.toWeb(body) as ReadableStream, duplex: "half" } : {}),
      ...(isStream || body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: stop.signal,
    } as RequestInit);
  } catch (cause) {
    const finding = (cause as Error).name === "AbortError" ? "no answer in 30 s" : "no answer";
    throw new ApiError(
      "AGENT_UNREACHABLE",
      `AGENT_UNREACHABLE: ${flags.url}: expected an agent, got ${finding}. Check --url and that it runs.`,
      { cause },
    );
  } finally {
    clearTimeout(timer);
  }
}

function parse(text: string): unknown {
  try {
    return text === "" ? null : JSON.parse(text);
  } catch {
    return text;
  }
}

function refusal(status: number, value: unknown, what: string): ApiError {
  const problem = value as { name?: string; detail?: string; next?: string } | null;
  if (typeof problem?.name !== "string") {
    const text = `HTTP_${status}: ${what}: expected a reply of the agent, got status ${status}. Check --url.`;
    return new ApiError(`HTTP_${status}`, text);
  }
  return new ApiError(problem.name, `${problem.name}: ${problem.detail}. ${problem.next}`);
}
