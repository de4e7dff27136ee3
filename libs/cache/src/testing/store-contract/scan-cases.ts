import assert from 'node:assert/strict';
import { type KeyScan } from '../../backend.js';
import { type Cases, imageAt, newer, patient, rejectsWith, type StoreSubject } from './expectations.js';

/** Of stores that can scan; the others pass. */
export function scanCases(): Cases {
  return {
    'scans every key of a prefix once, in pages and segments': async (subject, key) => {
      if (subject.store.scanKeys === undefined) return;
      const wanted = Array.from({ length: 37 }, (_, at) => `${key}-${at}`);
      await putAll(subject, [...wanted, `other-${key}`]);
      for (const [segments, examineMax] of [
        [1, 5],
        [3, 4],
        [2, 1_000],
      ] as const) {
        const { found, pages } = await scanned(subject, key, segments, examineMax);
        assert.deepEqual(found.sort(), [...wanted].sort());
        assert.ok(pages >= Math.ceil(wanted.length / examineMax), `${pages} pages`);
      }
    },
    'scans past what is deleted meanwhile, the key of the cursor too': async (subject, key) => {
      if (subject.store.scanKeys === undefined) return;
      const { store, table } = subject;
      const all = Array.from({ length: 12 }, (_, at) => `${key}-${at}`);
      await putAll(subject, all);
      const gone = new Set<string>();
      const { found } = await scanned(subject, key, 1, 3, async (cursor) => {
        if (!all.includes(cursor)) return;
        gone.add(cursor);
        await store.delete(table, cursor, newer(2), patient);
      });
      for (const one of all) if (!gone.has(one)) assert.ok(found.includes(one), `${one} was skipped`);
    },
    'scans nothing for a caller that has given up, or has no time': async ({ store, table }, key) => {
      if (store.scanKeys === undefined) return;
      const scan = { segment: 0, segments: 1, prefix: key, examineMax: 10, cursor: undefined };
      await rejectsWith('ABORTED', store.scanKeys(table, scan, { ...patient, signal: AbortSignal.abort() }));
      await rejectsWith('TIMEOUT', store.scanKeys(table, scan, { timeoutMs: 0 }));
    },
  };
}

async function putAll({ store, table }: StoreSubject, itemKeys: readonly string[]): Promise<void> {
  await Promise.all(itemKeys.map((itemKey) => store.put(table, imageAt(itemKey, 1), newer(1), patient)));
}

/** Other cases may have items in the table, so that a page can be without any of this one's. */
async function scanned(
  { store, table }: StoreSubject,
  prefix: string,
  segments: number,
  examineMax: number,
  between: (cursor: string) => Promise<void> = async () => undefined,
): Promise<{ readonly found: string[]; readonly pages: number }> {
  const found: string[] = [];
  let pages = 0;
  for (let segment = 0; segment < segments; segment += 1) {
    let cursor: KeyScan['cursor'];
    do {
      const page = await store.scanKeys?.(table, { segment, segments, prefix, examineMax, cursor }, patient);
      assert.ok(page !== undefined);
      found.push(...page.itemKeys);
      pages += 1;
      cursor = page.cursor;
      if (cursor !== undefined) await between(cursor);
    } while (cursor !== undefined);
  }
  return { found, pages };
}
