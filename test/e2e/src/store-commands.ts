import { type HeldLease, type LeaseClaim, type Store, type WriteCondition } from '@tidemark/cache';
import { type Attributes, formatWriteId, type ItemImage, type WriteId } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';
import fc from 'fast-check';

/** One thing that is done to a store; `key` is a small number, so that commands meet. */
export type StoreCommand =
  | { readonly do: 'read'; readonly key: number }
  | { readonly do: 'readMany'; readonly keys: readonly number[] }
  | {
      readonly do: 'put';
      readonly key: number;
      readonly image: Omit<ItemImage, 'key'>;
      readonly condition: WriteCondition;
    }
  | { readonly do: 'delete'; readonly key: number; readonly condition: WriteCondition }
  | { readonly do: 'acquireLease'; readonly key: number; readonly lease: LeaseClaim }
  | { readonly do: 'releaseLease'; readonly key: number; readonly lease: HeldLease }
  | { readonly do: 'touch'; readonly key: number; readonly mark: string }
  /** A foreign writer's. */
  | { readonly do: 'write'; readonly key: number; readonly item: Attributes };

/** Far ahead, so that no table's own expiry takes an item away meanwhile. */
const now = 1_900_000_000;

const key = fc.nat(1);
const writeId: fc.Arbitrary<WriteId> = fc
  .nat(3)
  .map((at) => formatWriteId({ ms: 1_700_000_000_000 + at, counter: 0, incarnation: '00000000000000aa' }));
const anyWriteId: fc.Arbitrary<string> = fc.oneof(
  { weight: 20, arbitrary: writeId },
  fc.constantFrom('', '0', 'zzz', 'é', '😀'),
);
const leaseId = fc.constantFrom('l-1', 'l-2');
const seconds = fc.integer({ min: now - 1, max: now + 1 });
const value = fc.constantFrom<ItemImage['value'][]>('', '1', 'é😀', new Uint8Array(0), Uint8Array.of(0, 127, 128, 255));
const orNull = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(arbitrary, { nil: null, freq: 2 });

const image: fc.Arbitrary<Omit<ItemImage, 'key'>> = fc.record({
  value: fc.option(value, { nil: null, freq: 4 }),
  codec: orNull(fc.constant('json')),
  writeId: fc.option(writeId, { nil: null, freq: 9 }),
  expiresAt: orNull(seconds),
  writtenBy: orNull(fc.constantFrom('us-east-1', 'eu-west-1')),
  tombstone: fc.boolean(),
  leaseId: fc.constant(null),
  leaseUntil: fc.constant(null),
  loaded: fc.boolean(),
});

const condition: fc.Arbitrary<WriteCondition> = fc.oneof(
  fc.record({ type: fc.constant('newer' as const), than: writeId }),
  fc.record({ type: fc.constant('replaces' as const), writeId: anyWriteId }),
  fc.record({ type: fc.constant('absent' as const), than: writeId, now: seconds }),
  { weight: 3, arbitrary: fc.record({ type: fc.constant('matches' as const), writeId: anyWriteId, now: seconds }) },
  fc.record({ type: fc.constant('leased' as const), leaseId }),
);

/** About whole seconds, where what is counted in them and what is counted in ms could differ. */
const instant = fc.tuple(seconds, fc.constantFrom(-1, 0, 1, 500)).map(([second, ms]) => second * 1_000 + ms);

const lease: fc.Arbitrary<LeaseClaim> = fc
  .record({ leaseId, nowMs: instant, lastsMs: fc.constantFrom(0, 1, 500, 1_000) })
  .map(({ leaseId: id, nowMs, lastsMs }) => ({
    leaseId: id,
    nowMs,
    leaseUntil: nowMs + lastsMs,
    expiresAt: Math.ceil(nowMs / 1_000) + 10,
  }));

/** Numbers as DynamoDB gives them back, whole ones or not; texts where it wants numbers, and the other way round. */
const odd = fc.constantFrom<object[]>(
  { N: '-1' },
  { N: '1.5' },
  { N: `${now}.5` },
  { N: '12345678901234567890' },
  { S: String(now) },
  { BOOL: false },
  { NULL: true },
  { L: [{ S: 'x' }] },
  { M: { S: { S: 'x' } } },
  { SS: ['x'] },
);

function attributeOf(usual: fc.Arbitrary<object>): fc.Arbitrary<object | undefined> {
  return fc.oneof(
    { weight: 12, arbitrary: usual },
    { weight: 12, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: odd },
  );
}

const text = (texts: fc.Arbitrary<string>): fc.Arbitrary<object> => texts.map((S) => ({ S }));
const number = (numbers: fc.Arbitrary<number>): fc.Arbitrary<object> => numbers.map((N) => ({ N: String(N) }));

const foreignItem: fc.Arbitrary<Attributes> = fc
  .record({
    value: attributeOf(value.map((payload) => (payload instanceof Uint8Array ? { B: payload } : { S: payload ?? '' }))),
    codec: attributeOf(text(fc.constant('json'))),
    writeId: attributeOf(text(anyWriteId)),
    expiresAt: attributeOf(number(seconds)),
    writtenBy: attributeOf(text(fc.constant('us-east-1'))),
    tombstone: attributeOf(fc.constant({ BOOL: true })),
    leaseId: attributeOf(text(leaseId)),
    leaseUntil: attributeOf(number(seconds.map((at) => at * 1_000))),
    loaded: attributeOf(fc.constant({ BOOL: true })),
    owner: attributeOf(text(fc.constant('theirs'))),
  })
  .map((item) => Object.fromEntries(Object.entries(item).filter(([, attribute]) => attribute !== undefined)));

const storeCommand: fc.Arbitrary<StoreCommand> = fc.oneof(
  { weight: 1, arbitrary: fc.record({ do: fc.constant('read' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('readMany' as const), keys: fc.array(key, { maxLength: 4 }) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), key, image, condition }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key, condition }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('acquireLease' as const), key, lease }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('releaseLease' as const),
      key,
      lease: fc.record({ leaseId, writeId: orNull(anyWriteId) }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('touch' as const), key, mark: fc.constantFrom('m-1', 'm-2') }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('write' as const), key, item: foreignItem }) },
);

/** Sequences of 20 to 40 commands on two keys. */
export const storeCommands: fc.Arbitrary<readonly StoreCommand[]> = fc.array(storeCommand, {
  minLength: 20,
  maxLength: 40,
  size: 'max',
});

const call = { timeoutMs: 20_000 };

/** Does `command`, with `keyOf` naming the items; what comes of it, or the code and reasons of its failure, to be compared. */
export async function runCommand(
  { store, table, putForeign }: { store: Store; table: string; putForeign: (item: Attributes) => Promise<void> },
  command: StoreCommand,
  keyOf: (key: number) => string,
): Promise<unknown> {
  const run = (): Promise<unknown> => {
    switch (command.do) {
      case 'read':
        return store.read(table, keyOf(command.key), call);
      case 'readMany':
        return store.readMany(table, command.keys.map(keyOf), call);
      case 'put':
        return store.put(table, { ...command.image, key: keyOf(command.key) }, command.condition, call);
      case 'delete':
        return store.delete(table, keyOf(command.key), command.condition, call);
      case 'acquireLease':
        return store.acquireLease(table, keyOf(command.key), command.lease, call);
      case 'releaseLease':
        return store.releaseLease(table, keyOf(command.key), command.lease, call);
      case 'touch':
        return store.touch(table, keyOf(command.key), command.mark, call);
      case 'write':
        return putForeign({ ...command.item, key: { S: keyOf(command.key) } });
    }
  };
  return run().then(comparable, (error: unknown) =>
    // Of many keys that could not be read, any may be the one that is told.
    command.do === 'readMany' && isTidemarkError(error) ? { code: error.code } : failureOf(error),
  );
}

/** Plain and ordered: bytes are the same whatever class holds them. */
function comparable(result: unknown): unknown {
  if (result instanceof Uint8Array) return { bytes: [...result] };
  if (isTidemarkError(result)) return failureOf(result);
  if (result instanceof Map) return comparable(Object.fromEntries([...result].sort()));
  if (typeof result !== 'object' || result === null) return result;
  return Object.fromEntries(Object.entries(result).map(([name, field]) => [name, comparable(field)]));
}

function failureOf(error: unknown): unknown {
  if (!isTidemarkError(error)) throw error;
  return { code: error.code, reasons: String(error.context['reason']).split('; ').sort() };
}
