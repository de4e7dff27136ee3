/** The value that a share `q` of the figures does not pass; throws for none. Sorts in place. */
export function quantile(figures: number[], q: number): number {
  figures.sort((a, b) => a - b);
  const value = figures[Math.min(figures.length - 1, Math.floor(q * figures.length))];
  if (value === undefined) throw new RangeError('expected at least one figure, got none');
  return value;
}
