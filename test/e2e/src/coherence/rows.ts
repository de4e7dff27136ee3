/** One figure of a report. */
export interface Row {
  readonly name: string;
  readonly value: number | string;
  readonly unit?: string;
  /** What the value is to be, if anything: at most, at least, or exactly. */
  readonly goal?: { readonly atMost: number } | { readonly atLeast: number } | { readonly is: number | string };
}

/** Whether the goal is met, or there is none. */
export function isMet({ value, goal }: Row): boolean {
  if (goal === undefined) return true;
  if ('is' in goal) return value === goal.is;
  if (typeof value !== 'number') return false;
  return 'atMost' in goal ? value <= goal.atMost : value >= goal.atLeast;
}

export function rowTable(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ name }) => name.length));
  return rows.map((row) => line(row, width)).join('\n');
}

function line(row: Row, width: number): string {
  const { name, value, unit = '', goal } = row;
  const shown = typeof value === 'number' ? String(Math.round(value * 1_000) / 1_000) : value;
  const judged = goal === undefined ? '' : `   ${isMet(row) ? 'met' : 'NOT MET'}: ${goalText(goal)}`;
  return `  ${name.padEnd(width)}  ${`${shown} ${unit}`.trim()}${judged}`;
}

function goalText(goal: NonNullable<Row['goal']>): string {
  if ('is' in goal) return String(goal.is);
  return 'atMost' in goal ? `at most ${goal.atMost}` : `at least ${goal.atLeast}`;
}
