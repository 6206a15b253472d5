/** The known word that a misspelt one may have meant. */

/** Nearest known word, null when none is within a third of its length. Pure. */
export function nearest(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase().slice(0, 64), candidate.toLowerCase());
    if (distance < bestDistance && distance <= Math.max(2, candidate.length / 3)) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** What to say of an unknown key: 'unknown key; did you mean "soak"?', or the known words where none is near. Pure. */
export function unknownKeyWords(key: string, known: readonly string[]): string {
  const near = nearest(key, known);
  const hint = near === null ? `known: ${known.join(", ")}` : `did you mean "${near}"?`;
  return `unknown key; ${hint}`;
}

function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row++) {
    const current = [row];
    for (let column = 1; column <= right.length; column++) {
      const change = previous[column - 1]! + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(change, previous[column]! + 1, current[column - 1]! + 1));
    }
    previous = current;
  }
  return previous[right.length]!;
}
