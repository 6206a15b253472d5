import { render, type Span } from "./ink.ts";
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
    this.#write(`${render(spans, Number.POSITIVE_INFINITY, false)}\n`);
  }
  busy(): void {}
  close(): void {}
}
