/** Draws numbers uniform in [0, 1). */
type Random = () => number;

export interface FuzzOptions {
  /** Inputs that are right, from which the wrong ones are made. At least one. */
  readonly corpus: readonly Uint8Array[];
  /** Of an ordinary run; `TIDEMARK_TEST_FUZZ` times as many in a long one. */
  readonly runs: number;
  /** Default `TIDEMARK_TEST_SEED`, else one of the time. */
  readonly seed?: number;
}

/**
 * Hands mutants of the corpus to `check` until it throws, and then fails naming the seed and the smallest input found that does the same. Half of the
 * mutants are changed as bytes, half as the JSON that they are, where they are. No prototype of the language's may be changed.
 */
export function fuzz(options: FuzzOptions, check: (input: Uint8Array) => void): void {
  const { seed, mutants } = mutantsOf(options);
  for (const input of mutants) {
    const problem = problemOf(check, input);
    if (problem !== undefined)
      throw failure(
        seed,
        smallest(input, (smaller) => problemOf(check, smaller)),
        problem,
      );
  }
  expectIntactPrototypes(seed);
}

/** The same, for checks that take time; `atOnce` of them, default 1, run side by side. */
export async function fuzzAsync(
  options: FuzzOptions & { readonly atOnce?: number },
  check: (input: Uint8Array) => Promise<void>,
): Promise<void> {
  const { seed, mutants } = mutantsOf(options);
  const work = async (): Promise<void> => {
    for (const input of mutants) {
      try {
        await check(input);
      } catch (error) {
        throw failure(seed, input, error);
      }
    }
  };
  await Promise.all(Array.from({ length: options.atOnce ?? 1 }, work));
  expectIntactPrototypes(seed);
}

/** Mutates bytes of `corpus`, at random but for the numbers that `random` draws. */
export function mutant(corpus: readonly Uint8Array[], random: Random): Uint8Array {
  const base = pick(corpus, random);
  const json = random() < 0.5 ? parsed(base) : undefined;
  if (json !== undefined) return Buffer.from(JSON.stringify(changedNode(json.value, random)) ?? '');
  let bytes: Buffer = Buffer.from(base);
  for (let left = 1 + Math.floor(random() * 4); left > 0; left -= 1)
    bytes = pick(byteMutations, random)(bytes, random, corpus);
  return bytes;
}

type ByteMutation = (bytes: Buffer, random: Random, corpus: readonly Uint8Array[]) => Buffer;

/** What decoders have tripped over: injected prototypes, numbers at the edges, halves of characters, delimiters. */
const tokens: readonly string[] = [
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    'null',
    'true',
    '[]',
    '{}',
    '"',
    '\\',
    ';',
    ':',
    ',',
    '\0',
    '\n',
  ],
  ...['-1', '-0', '1e999', '9007199254740993', '99999999999999999999999999', '0x10', 'NaN', '\\ud800', '%00', '../'],
];

const byteMutations: readonly ByteMutation[] = [
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    if (copy.length > 0) copy.writeUInt8(Math.floor(random() * 256), place(copy, random));
    return copy;
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = place(copy, random);
    if (copy.length > 0) copy.writeUInt8(copy.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
    return copy;
  },
  (bytes, random) => bytes.subarray(0, place(bytes, random)),
  (bytes, random) => {
    const [from, to] = span(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, random) => {
    const [from, to] = span(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (bytes, random) => {
    const at = place(bytes, random);
    return Buffer.concat([bytes.subarray(0, at), Buffer.from(pick(tokens, random)), bytes.subarray(at)]);
  },
  (bytes, random, corpus) => {
    const other = Buffer.from(pick(corpus, random));
    return Buffer.concat([bytes.subarray(0, place(bytes, random)), other.subarray(place(other, random))]);
  },
];

const leaves: readonly unknown[] = [
  ...[null, true, false, 0, -1, 0.5, 1e308, Number.MAX_SAFE_INTEGER + 2, '', '\ud800', 'x'.repeat(5_000)],
  ...[
    [],
    {},
    [[]],
    { S: 1 },
    { N: 'x' },
    { S: 'x', N: '1' },
    { B: '*' },
    { NULL: true },
    { M: {} },
    { L: [null] },
    ...tokens,
  ],
];

/** A copy of `value` in which one node is another, or gone, or has one more. */
function changedNode(value: unknown, random: Random): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.15) return pick(leaves, random);
  if (Array.isArray(value)) return changedList(value, random);
  const entries = Object.entries(value as Readonly<Record<string, unknown>>);
  const index = Math.floor(random() * (entries.length + 1));
  const [name, child]: readonly [string, unknown] = entries[index] ?? [pick(tokens, random), pick(leaves, random)];
  const dice = random();
  if (dice < 0.15) entries.splice(index, 1);
  else if (dice < 0.25) entries[index] = [pick(tokens, random), child];
  else entries[index] = [name, changedNode(child, random)];
  // As JSON.parse makes them: `Object.fromEntries` defines `__proto__`, and sets nothing.
  return Object.fromEntries(entries);
}

function changedList(list: readonly unknown[], random: Random): readonly unknown[] {
  const copy = [...list];
  const index = Math.floor(random() * (copy.length + 1));
  if (random() < 0.2) copy.splice(index, 1);
  else copy[index] = changedNode(copy[index], random);
  return copy;
}

function mutantsOf({ corpus, runs, seed: given }: FuzzOptions): { seed: number; mutants: Iterable<Uint8Array> } {
  if (corpus.length === 0) throw new RangeError('fuzz: expected a corpus, got none');
  const seed = given ?? Number(process.env['TIDEMARK_TEST_SEED'] ?? Date.now() % 1_000_000_000);
  const random = randomOf(seed);
  const count = Math.max(1, Math.round(runs * Number(process.env['TIDEMARK_TEST_FUZZ'] ?? 1)));
  function* generate(): Generator<Uint8Array> {
    for (let n = 0; n < count; n += 1) yield mutant(corpus, random);
  }
  return { seed, mutants: generate() };
}

/** The smallest input, by leaving out halves, quarters, … of it, that is as wrong. */
function smallest(input: Uint8Array, problem: (input: Uint8Array) => unknown): Uint8Array {
  let bytes = Buffer.from(input);
  for (let size = Math.ceil(bytes.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < bytes.length;) {
      const shorter = Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + size)]);
      if (problem(shorter) === undefined) from += size;
      else bytes = shorter;
    }
  }
  return bytes;
}

function problemOf(check: (input: Uint8Array) => void, input: Uint8Array): Error | undefined {
  try {
    check(input);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function failure(seed: number, input: Uint8Array, cause: unknown): Error {
  const bytes = Buffer.from(input);
  const said = cause instanceof Error ? cause.message : String(cause);
  return new Error(`seed ${seed}: ${said}\ninput ${JSON.stringify(bytes.toString('latin1'))}`, { cause });
}

function expectIntactPrototypes(seed: number): void {
  const changed = propertiesOfPrototypes().filter(([name, value]) => intact.get(name) !== value);
  if (changed.length > 0)
    throw new Error(`seed ${seed}: prototypes were changed: ${changed.map(([name]) => name).join(', ')}`);
}

/** Of what every input's value comes down to, by name; getters aside. */
function propertiesOfPrototypes(): readonly (readonly [string, unknown])[] {
  return [Object, Array, Function, String, Number, Map, Set, Promise].flatMap(({ name, prototype }) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype as object)).map(
      ([property, { value }]) => [`${name}.prototype.${property}`, value as unknown] as const,
    ),
  );
}

const intact: ReadonlyMap<string, unknown> = new Map(propertiesOfPrototypes());

function parsed(bytes: Uint8Array): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(Buffer.from(bytes).toString('utf8')) };
  } catch {
    return undefined;
  }
}

function pick<T>(all: readonly T[], random: Random): T {
  return all[Math.floor(random() * all.length)] as T;
}

function place(bytes: Uint8Array, random: Random): number {
  return Math.floor(random() * bytes.length);
}

function span(bytes: Uint8Array, random: Random): readonly [number, number] {
  const from = place(bytes, random);
  return [from, from + Math.ceil(random() * Math.min(32, bytes.length - from))];
}

/** Mulberry32. */
function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
