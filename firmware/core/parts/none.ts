/** In the place of a part that a board has no use for: an empty function is the shortest text that evaluates. */
export default (): void => undefined;
