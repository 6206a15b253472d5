/** A decoded reply. A story reads it as it comes: what it expects and does not find ends the story. */
// biome-ignore lint/suspicious/noExplicitAny: the routes have their schemas; the story's reader sees the values
export type Json = any;

/** A small client of the agent's HTTP API, for scripts that play a story. */
export class AgentApi {
  readonly #url: string;
  readonly #token: string;
  constructor(url: string, token: string) {
    this.#url = url;
    this.#token = token;
  }

  /** @returns status and decoded body, also for a refusal: a story shows refusals */
  async call(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; body: Json }> {
    const reply = await fetch(this.#url + path, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await reply.text();
    return { status: reply.status, body: text ? JSON.parse(text) : null };
  }

  /** @throws Error with the agent's own words for any status from 400 */
  async must(method: string, path: string, body?: unknown): Promise<Json> {
    const reply = await this.call(method, path, body);
    if (reply.status < 400) return reply.body;
    throw new Error(`${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  }
}

/** Waits until `probe` gives something, looking every `everyMs`.
 *  @throws Error naming what was waited for when `limitMs` has passed */
export async function until<T>(
  what: string,
  probe: () => Promise<T | null | undefined | false>,
  limitMs: number,
  everyMs = 200,
): Promise<T> {
  const end = Date.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${limitMs} ms for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
