import type { Board } from "../../../boards/types.ts";

/** Levels of a board's pins as the world outside sets them. */
export class Pins {
  private readonly levels = new Map<string, number>();
  private readonly button: { pin: string; heldLevel: number } | null;
  private watcher: ((pin: string, level: number) => void) | null = null;

  constructor(board: Board) {
    const match = /^(!?)digitalRead\((\w+)\)$/.exec(board.button ?? "");
    this.button = match ? { pin: match[2]!, heldLevel: match[1] ? 0 : 1 } : null;
    this.hold(false);
  }

  /** The rescue button's pin; undefined on a board without one. */
  get buttonPin(): string | undefined {
    return this.button?.pin;
  }

  level(pin: string): number {
    return this.levels.get(pin) ?? 0;
  }

  set(pin: string, level: number): void {
    const before = this.level(pin);
    this.levels.set(pin, level);
    if (before !== level) this.watcher?.(pin, level);
  }

  /** Presses or releases the rescue button of the board file. No effect on a board without one. */
  hold(isHeld: boolean): void {
    if (this.button)
      this.set(this.button.pin, isHeld ? this.button.heldLevel : 1 - this.button.heldLevel);
  }

  /** Only the life that runs now hears of changes. */
  watch(fn: ((pin: string, level: number) => void) | null): void {
    this.watcher = fn;
  }
}
