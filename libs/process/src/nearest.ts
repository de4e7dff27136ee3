/** The word of `words` that `word` was most likely meant to be, or `undefined` when none is near: at most a third of its letters differ. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.floor(word.length / 3) + 1;
  for (const each of words) {
    const distance = editDistance(word, each);
    if (distance < bestDistance) [best, bestDistance] = [each, distance];
  }
  return best;
}

const lengthMax = 200;

/** How many letters must be put in, left out or changed (Levenshtein's distance). */
function editDistance(a: string, b: string): number {
  if (a.length > lengthMax || b.length > lengthMax) return Infinity;
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const current = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      current.push(Math.min((previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1, (previous[j - 1] ?? 0) + change));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}
