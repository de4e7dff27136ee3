/** The middle of the figures; of an even number, the mean of the two in the middle. Throws for none. */
export function median(figures: readonly number[]): number {
  const sorted = [...figures].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  if (upper === undefined) throw new RangeError('expected at least one figure, got none');
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[(sorted.length >> 1) - 1] ?? upper)) / 2;
}

/** The arithmetic mean. Throws for no figures. */
export function mean(figures: readonly number[]): number {
  if (figures.length === 0) throw new RangeError('expected at least one figure, got none');
  return sum(figures) / figures.length;
}

export function sum(figures: readonly number[]): number {
  return figures.reduce((total, figure) => total + figure, 0);
}
