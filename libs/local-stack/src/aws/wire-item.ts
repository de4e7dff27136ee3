/** One attribute value as DynamoDB's JSON carries it, e.g. `{ S: 'a' }`; the bytes of `B` are base64. */
export type WireValue = Readonly<Record<string, unknown>>;

/** An item, or the key of one, in DynamoDB's JSON. */
export type WireItem = Readonly<Record<string, WireValue>>;

/** The attributes of `item` that make up its key. */
export function keysOf(item: WireItem, keyNames: readonly string[]): WireItem {
  const keys: Record<string, WireValue> = {};
  for (const name of keyNames) {
    const value = item[name];
    if (value !== undefined) keys[name] = value;
  }
  return keys;
}

/** A text that is the same for equal items, whatever the order of their attributes and of the members of their sets. */
export function canonical(value: unknown): string {
  return JSON.stringify(sorted(value));
}

/** Whether a write from `a` to `b` changes anything. */
export function sameItem(a: WireItem | undefined, b: WireItem | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return canonical(a) === canonical(b);
}

/** `item` with every binary value base64-encoded once more: the second pass that Kinesis Data Streams for DynamoDB documents. */
export function withBinaryEncodedAgain(item: WireItem): WireItem {
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, valueEncodedAgain(value)]));
}

function valueEncodedAgain(value: WireValue): WireValue {
  const { B: bytes, BS: set, L: list, M: map } = value;
  if (typeof bytes === 'string') return { B: base64(bytes) };
  if (Array.isArray(set)) return { BS: set.map((member) => base64(String(member))) };
  if (Array.isArray(list)) return { L: list.map((member) => valueEncodedAgain(member as WireValue)) };
  if (isRecord(map)) return { M: withBinaryEncodedAgain(map as WireItem) };
  return value;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

const setTypes: ReadonlySet<string> = new Set(['SS', 'NS', 'BS']);

function sorted(value: unknown, type?: string): unknown {
  if (Array.isArray(value)) {
    return type !== undefined && setTypes.has(type)
      ? value.map(String).sort()
      : value.map((member: unknown) => sorted(member));
  }
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name], name)]),
  );
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
