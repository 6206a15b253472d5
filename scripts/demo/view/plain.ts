import { clock, render, type Span } from "./ink.ts";
import { Teller } from "./teller.ts";

/** Plain lines for files, pipes and people who want them: no control codes, nothing moves. */
export class PlainView extends Teller {
  readonly #write: (text: string) => void;

  constructor(write: (text: string) => void) {
    super();
    this.#write = write;
  }

  protected columns(): number {
    return 100;
  }
  protected put(spans: Span[]): void {
    const time = clock(Date.now() - this.startedMs).padStart(5);
    const line = render(spans, Number.POSITIVE_INFINITY, false);
    this.#write(line ? `${time} ${line}\n` : "\n");
  }
  busy(): void {}
  close(): void {}
}
