import { expect, it } from '@jest/globals';
import { type PodReport } from '@tidemark/protocol';

import { LivePods } from './live-pods.js';

const report = (pod: string): PodReport => ({ pod, service: 's', tables: {}, leaving: false });

it('knows the pods that have spoken within ten seconds of the brokers’ time', async () => {
  const pods = [
    { report: report('fresh'), at: 20_000 },
    { report: report('late'), at: 10_001 },
    { report: report('silent'), at: 10_000 },
  ];
  const live = new LivePods({ read: async () => ({ now: 20_000, pods }), close: async () => undefined });
  expect((await live.read(new AbortController().signal)).map(({ pod }) => pod)).toEqual(['fresh', 'late']);
});
