/** What the runtime asks of itself, in the same function as the core (AppEvent): each function costs eight variables. */
export const enum Own {
  /** looks whether anybody is expected to answer */
  Alone = 17,
}
