/** A row or curve that could not be measured. */
export interface Failure {
  readonly name: string;
  readonly reason: string;
}

/** Measures one after the other. One that fails costs none of the others its figures: it is added to `failures`. */
export async function measureEach<T extends { readonly name: string }, R>(
  all: readonly T[],
  measure: (one: T) => Promise<R>,
  failures: Failure[],
): Promise<R[]> {
  const results: R[] = [];
  for (const one of all) {
    try {
      results.push(await measure(one));
    } catch (error) {
      failures.push({ name: one.name, reason: firstLine(error) });
    }
  }
  return results;
}

/** Of what a child that died has written, the line that says why. */
function firstLine(error: unknown): string {
  const lines = (error instanceof Error ? error.message : String(error)).split('\n').map((line) => line.trim());
  return lines.find((line) => /Error\b/.test(line)) ?? lines[0] ?? '';
}
