import { type HistoryRecorder } from '@tidemark/cache/testing';
import { isTidemarkError } from '@tidemark/runtime';
import { type LivePod } from '../roles/pod-slot.js';
import { type Trace } from '../time/trace.js';
import { type Counters } from '../world/counters.js';
import { type GlobalTable } from '../world/global-table.js';

/** What a pod's callers may ask for. A new operation is a name here and an entry in `operations`. */
export type OperationName = 'get' | 'getMany' | 'put' | 'delete';

export interface OperationContext {
  readonly recorder: HistoryRecorder;
  readonly table: GlobalTable;
  readonly trace: Trace;
  readonly counters: Counters;
}

interface Operation {
  /** How often it is drawn. */
  readonly weight: number;
  readonly keysMax: number;
  /** Begins it in the pod's own turn; resolves when it has ended, whatever came of it. */
  readonly run: (pod: LivePod, keys: readonly string[], context: OperationContext) => Promise<void>;
}

export const operations: Readonly<Record<OperationName, Operation>> = {
  get: { weight: 62, keysMax: 1, run: (pod, [key = ''], context) => get(pod, key, context) },
  getMany: { weight: 8, keysMax: 4, run: getMany },
  put: { weight: 22, keysMax: 1, run: (pod, [key = ''], context) => write('put', pod, key, context) },
  delete: { weight: 8, keysMax: 1, run: (pod, [key = ''], context) => write('delete', pod, key, context) },
};

async function get(pod: LivePod, key: string, context: OperationContext): Promise<void> {
  const { cache, life } = pod;
  const { recorder } = context;
  const read = recorder.read({ operation: 'get', pod: life, key, watermark: cache.inspect(key).watermark });
  const { hits } = cache.stats();
  const answer = cache.get(key);
  const from = cache.stats().hits > hits ? 'l1' : 'l2';
  try {
    const value = (await answer) ?? null;
    read.served(value, from);
    tell(pod, `${read.id}: get ${key}: ${value ?? 'nothing'} from ${from}`, key, context);
  } catch (error) {
    read.failed(codeOf(error));
    tell(pod, `${read.id}: get ${key} fails: ${codeOf(error)}`, key, context);
  }
}

async function getMany(pod: LivePod, keys: readonly string[], context: OperationContext): Promise<void> {
  const { cache, life } = pod;
  const reads = keys.map((key) => {
    const { watermark } = cache.inspect(key);
    return { key, read: context.recorder.read({ operation: 'getMany', pod: life, key, watermark }) };
  });
  const end = (found: ReadonlyMap<string, string>, missing: ReadonlySet<string>, error: string): void => {
    for (const { key, read } of reads) {
      const value = found.get(key) ?? null;
      if (missing.has(key)) read.failed(error);
      else read.served(value, 'unknown');
      tell(pod, `${read.id}: getMany ${key}: ${missing.has(key) ? error : (value ?? 'nothing')}`, key, context);
    }
  };
  try {
    end(await cache.getMany(keys), new Set(), '');
  } catch (error) {
    const { found, missing } = partOf(error, keys);
    end(found, missing, codeOf(error));
  }
}

async function write(operation: 'put' | 'delete', pod: LivePod, key: string, context: OperationContext): Promise<void> {
  const { cache, life } = pod;
  const { recorder, table } = context;
  const recorded = recorder.write({ operation, pod: life, key });
  const { signal } = new AbortController();
  table.claim(signal, recorded.id);
  tell(pod, `${recorded.id}: ${operation} ${key}`, key, context);
  try {
    const options = { signal };
    const receipt =
      recorded.value === null ? await cache.delete(key, options) : await cache.put(key, recorded.value, options);
    const result = receipt.applied
      ? ({ type: 'applied' } as const)
      : ({ type: 'refused', reason: receipt.reason } as const);
    recorded.ended(result);
    tell(
      pod,
      `${recorded.id}: ${operation} ${key} is ${receipt.applied ? 'acknowledged' : receipt.reason}`,
      key,
      context,
    );
  } catch (error) {
    const code = codeOf(error);
    recorded.ended(code === 'AMBIGUOUS_WRITE' ? { type: 'ambiguous' } : { type: 'refused', reason: code });
    tell(pod, `${recorded.id}: ${operation} ${key} fails: ${code}`, key, context);
  }
}

/** What a failed `getMany` found all the same. */
function partOf(
  error: unknown,
  keys: readonly string[],
): { readonly found: ReadonlyMap<string, string>; readonly missing: ReadonlySet<string> } {
  if (!isTidemarkError(error, 'PARTIAL_READ')) return { found: new Map(), missing: new Set(keys) };
  const { found, missing } = error as unknown as { found: ReadonlyMap<string, string>; missing: readonly string[] };
  return { found, missing: new Set(missing) };
}

function tell({ process }: LivePod, what: string, key: string, { trace }: OperationContext): void {
  trace.note(process.name, what, 'story', key);
}

/** An error that is not Tidemark's is a finding, so it must not pass for one. */
function codeOf(error: unknown): string {
  if (isTidemarkError(error)) return error.code;
  throw error;
}
