/** Checks of a route's fields, which anybody may have written. */
export function isTopics(topics: unknown): boolean {
  return isObject(topics) && Object.values(topics).every(isWhole);
}

export function isLimits(limited: unknown): boolean {
  return isObject(limited) && Object.values(limited).every(isLimit);
}

export function isMove(move: unknown): boolean {
  if (!isObject(move)) return false;
  const { to, from, until } = move;
  return typeof to === 'string' && isTexts(from) && isWhole(until);
}

export function isRewind(rewind: unknown): boolean {
  if (!isObject(rewind)) return false;
  const { id, to, keys } = rewind;
  return isWhole(id) && isWhole(to) && (keys === undefined || isKeyRange(keys));
}

function isKeyRange(keys: unknown): boolean {
  if (!isObject(keys)) return false;
  const { from, to } = keys;
  return typeof from === 'string' && typeof to === 'string';
}

function isLimit(limit: unknown): boolean {
  if (!isObject(limit)) return false;
  const { since, services, buckets } = limit;
  return isWhole(since) && isOptional(services) && isOptional(buckets);
}

function isOptional(texts: unknown): boolean {
  return texts === undefined || isTexts(texts);
}

function isTexts(texts: unknown): boolean {
  return Array.isArray(texts) && texts.every((text) => typeof text === 'string');
}

function isWhole(n: unknown): n is number {
  return Number.isSafeInteger(n) && (n as number) >= 0;
}

function isObject(raw: unknown): raw is Record<string, unknown> {
  return typeof raw === 'object' && raw !== null && !Array.isArray(raw);
}
