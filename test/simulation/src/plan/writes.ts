import { type WriteReceipt } from '@tidemark/cache';
import { type OpenWrite, type WriteAsks } from '@tidemark/cache/testing';
import { type LivePod } from '../roles/pod-slot.js';
import { regionOf } from '../world/names.js';
import { type Asked, type OperationContext } from './operations.js';
import { codeOf, tell } from './tell.js';

interface AskedWrite {
  readonly operation: 'put' | 'putIfAbsent' | 'putMany' | 'delete';
  readonly key: string;
  readonly condition?: WriteAsks;
}

export function write(operation: 'put' | 'putIfAbsent') {
  return (pod: LivePod, { key }: Asked, context: OperationContext): Promise<void> => {
    const asked: AskedWrite =
      operation === 'put' ? { operation, key } : { operation, key, condition: { type: 'absent' } };
    return record(pod, asked, context, (value) => pod.cache[operation](key, value));
  };
}

/** Over a write that somebody was told of; where there is none, over whatever is there. */
export function putIfVersion(pod: LivePod, { key, amount }: Asked, context: OperationContext): Promise<void> {
  const known = context.knownWrites.pick(regionOf(pod.life), key, amount);
  if (known === undefined || known.version === null) return write('put')(pod, { keys: [key], key, amount }, context);
  const { version, token } = known;
  return record(pod, { operation: 'put', key, condition: { type: 'version', version } }, context, (value) =>
    pod.cache.put(key, value, { ifVersion: token }),
  );
}

export async function putMany(pod: LivePod, { keys }: Asked, context: OperationContext): Promise<void> {
  const opened = keys.map((key) => ({ key, ...open(pod, { operation: 'putMany', key }, context) }));
  const outcomes = await pod.cache.putMany(opened.map(({ key, write }) => [key, write.id]));
  for (const { key, write, end } of opened) {
    const { receipt, error } = outcomes.get(key) ?? {};
    if (receipt === undefined) end.failed(error);
    else end.answered(receipt, write);
  }
}

export function remove(pod: LivePod, { key }: Asked, context: OperationContext): Promise<void> {
  const { signal } = new AbortController();
  const claim = ({ id }: OpenWrite): void => context.table.claim(signal, id);
  return record(pod, { operation: 'delete', key }, context, () => pod.cache.delete(key, { signal }), claim);
}

async function record(
  pod: LivePod,
  asked: AskedWrite,
  context: OperationContext,
  make: (value: string) => Promise<WriteReceipt>,
  begun: (write: OpenWrite) => void = () => undefined,
): Promise<void> {
  const { write, end } = open(pod, asked, context);
  begun(write);
  try {
    end.answered(await make(write.id), write);
  } catch (error) {
    end.failed(error);
  }
}

/** A write that is begun, and how it may end. */
function open(pod: LivePod, { operation, key, condition }: AskedWrite, context: OperationContext) {
  const { recorder, knownWrites, config } = context;
  const tombstone = operation === 'delete' && config.deletes === 'tombstone';
  const write = recorder.write({ operation, pod: pod.life, key, condition, tombstone });
  const called = condition?.type === 'version' ? 'put over a version' : operation;
  tell(pod, `${write.id}: ${called} ${key}`, key, context);
  const answered = (receipt: WriteReceipt, recorded: OpenWrite): void => {
    tell(pod, `${write.id}: ${called} ${key} is ${receipt.applied ? 'acknowledged' : receipt.reason}`, key, context);
    if (!receipt.applied) return write.ended({ type: 'refused', reason: receipt.reason });
    const { token, writeId } = receipt;
    write.ended({ type: 'applied' }, writeId);
    const version = operation === 'delete' ? null : writeId;
    knownWrites.add({ key, region: regionOf(pod.life), token, version, recorded });
  };
  const failed = (error: unknown): void => {
    const code = codeOf(error);
    write.ended(code === 'AMBIGUOUS_WRITE' ? { type: 'ambiguous' } : { type: 'refused', reason: code });
    tell(pod, `${write.id}: ${called} ${key} fails: ${code}`, key, context);
  };
  return { write, end: { answered, failed } };
}
