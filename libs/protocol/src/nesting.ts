/**
 * Whether a JSON text may nest objects and arrays deeper than `levels`: `false` proves that it does not. Counts the brackets that open, no
 * more than it takes: most texts have too few of them to nest so deep.
 */
export function mayNestDeeperThan(text: string, levels: number): boolean {
  let left = levels;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) {
      if (left === 0) return true;
      left -= 1;
    }
  }
  return false;
}

/** Whether `value` nests objects and arrays deeper than `levels`. Never goes deeper itself. */
export function nestsDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) {
    for (const part of value as readonly unknown[])
      if (typeof part === 'object' && nestsDeeperThan(part, levels - 1)) return true;
    return false;
  }
  for (const name in value) {
    const part: unknown = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof part === 'object' && nestsDeeperThan(part, levels - 1)) return true;
  }
  return false;
}
