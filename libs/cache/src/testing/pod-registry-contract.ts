import assert from 'node:assert/strict';
import { type PodReport, type TableProgress } from '@tidemark/protocol';
import { isTidemarkError } from '@tidemark/runtime';
import { type ContractCase } from '@tidemark/runtime/testing';
import { type PodRegistry, type PodSnapshot, type StoreCall } from '../backend.js';

/** One log that nobody has written to, and the registries of as many pods as a case wants. Each case has one of its own. */
export interface PodRegistrySubject {
  /** Another pod's registry of the same log. */
  pod(): PodRegistry;
  close(): Promise<void>;
}

/** What every `PodRegistry` keeps. */
export function podRegistryContract(makeSubject: () => Promise<PodRegistrySubject>): readonly ContractCase[] {
  const cases: Record<string, (subject: PodRegistrySubject) => Promise<void>> = {
    'reads an empty log': readsNothing,
    'hazard 65: reads everything that was acknowledged before the call, whoever reported it': readsToTheEnd,
    'reads back exactly what was reported, names such as __proto__ included': readsBackExactly,
    'keeps the last report of each pod': keepsTheLast,
    'leaves out a pod that is leaving, until it reports again': leavesOut,
    'dates reports by the clock of the log, which the last report carries on': datesReports,
    'hazard 64: a reader that comes late reads what was reported before it': readsFromBefore,
    'answers many readers and reporters at once': answersMany,
    'ends with ABORTED when its caller gives up': aborts,
  };
  return Object.entries(cases).map(([name, test]) => ({ name, run: () => runOn(makeSubject, test) }));
}

async function runOn(
  makeSubject: () => Promise<PodRegistrySubject>,
  test: (subject: PodRegistrySubject) => Promise<void>,
): Promise<void> {
  const subject = await makeSubject();
  try {
    await test(subject);
  } finally {
    await subject.close();
  }
}

const call: StoreCall = { timeoutMs: 20_000 };

function progressOf(...offsets: readonly number[]): TableProgress {
  return { topics: offsets.map(() => 'tidemark.cache.users'), progress: offsets };
}

function reportOf(pod: string, ...offsets: readonly number[]): PodReport {
  return { pod, service: 'orders', tables: { users: progressOf(...offsets) }, leaving: false };
}

/** Pod → its progress in `users`. */
function seen({ pods }: PodSnapshot): Record<string, readonly number[] | undefined> {
  return Object.fromEntries(pods.map(({ report }) => [report.pod, report.tables['users']?.progress]));
}

async function readsNothing(subject: PodRegistrySubject): Promise<void> {
  assert.deepEqual(await subject.pod().read(call), { now: 0, pods: [] });
}

async function readsToTheEnd(subject: PodRegistrySubject): Promise<void> {
  const [a, b] = [subject.pod(), subject.pod()];
  for (let offset = 0; offset < 30; offset += 1) {
    await a.report(reportOf('a', offset), call);
    assert.deepEqual(seen(await b.read(call)), { a: [offset] });
  }
}

async function readsBackExactly(subject: PodRegistrySubject): Promise<void> {
  const pod = subject.pod();
  const tables = Object.fromEntries([
    ['__proto__', { topics: [null, 'tidemark.cache.b'], progress: [-1, Number.MAX_SAFE_INTEGER] }],
    ['constructor', progressOf(7)],
    ['nothing', { topics: [], progress: [] }],
  ]);
  await pod.report({ pod: '__proto__', service: 'orders', tables, leaving: false }, call);
  const { pods } = await pod.read(call);
  assert.deepEqual(
    pods.map(({ report }) => [report.pod, report.service, report.leaving]),
    [['__proto__', 'orders', false]],
  );
  assert.deepEqual(Object.entries(pods[0]?.report.tables ?? {}).sort(), Object.entries(tables).sort());
}

async function keepsTheLast(subject: PodRegistrySubject): Promise<void> {
  const [a, b] = [subject.pod(), subject.pod()];
  await a.report(reportOf('a', 1), call);
  await b.report(reportOf('b', 5), call);
  await a.report(reportOf('a', 2), call);
  assert.deepEqual(seen(await a.read(call)), { a: [2], b: [5] });
  await a.report(reportOf('a', 1, 1), call);
  assert.deepEqual(seen(await b.read(call)), { a: [1, 1], b: [5] });
}

async function leavesOut(subject: PodRegistrySubject): Promise<void> {
  const [a, b] = [subject.pod(), subject.pod()];
  await a.report(reportOf('a', 1), call);
  await b.report(reportOf('b', 1), call);
  await a.report({ ...reportOf('a', 1), leaving: true }, call);
  assert.deepEqual(seen(await b.read(call)), { b: [1] });
  await a.report(reportOf('a', 3), call);
  assert.deepEqual(seen(await b.read(call)), { a: [3], b: [1] });
}

async function datesReports(subject: PodRegistrySubject): Promise<void> {
  const pod = subject.pod();
  await pod.report(reportOf('a', 1), call);
  const first = await pod.read(call);
  assert.ok(first.now > 0);
  assert.equal(first.pods[0]?.at, first.now);
  await pod.report(reportOf('b', 1), call);
  const second = await pod.read(call);
  assert.ok(second.now >= first.now);
  assert.deepEqual(
    new Map(second.pods.map(({ report, at }) => [report.pod, at])),
    new Map([
      ['a', first.now],
      ['b', second.now],
    ]),
  );
  await pod.report({ ...reportOf('b', 1), leaving: true }, call);
  assert.ok((await pod.read(call)).now >= second.now);
}

async function readsFromBefore(subject: PodRegistrySubject): Promise<void> {
  const early = subject.pod();
  for (const name of ['a', 'b', 'c']) await early.report(reportOf(name, 1), call);
  await early.report({ ...reportOf('b', 1), leaving: true }, call);
  assert.deepEqual(seen(await subject.pod().read(call)), { a: [1], c: [1] });
}

async function answersMany(subject: PodRegistrySubject): Promise<void> {
  const pods = [subject.pod(), subject.pod(), subject.pod()];
  const names = Array.from({ length: 12 }, (_, i) => `pod-${i}`);
  await Promise.all(
    names.map(async (name, i) => {
      const pod = pods[i % pods.length] as PodRegistry;
      const reader = pods[(i + 1) % pods.length] as PodRegistry;
      await pod.report(reportOf(name, i), call);
      assert.deepEqual(seen(await reader.read(call))[name], [i]);
    }),
  );
  assert.deepEqual(Object.keys(seen(await subject.pod().read(call))).sort(), [...names].sort());
}

async function aborts(subject: PodRegistrySubject): Promise<void> {
  const pod = subject.pod();
  const signal = AbortSignal.abort(new Error('gone'));
  await assert.rejects(pod.report(reportOf('a', 1), { ...call, signal }), (error) => isTidemarkError(error, 'ABORTED'));
  await assert.rejects(pod.read({ ...call, signal }), (error) => isTidemarkError(error, 'ABORTED'));
  assert.deepEqual((await pod.read(call)).pods, []);
}
