import { type Elsewhere } from './report.js';

/** Goals of the design that no row here measures yet, and what there is instead. */
export const elsewhere: readonly Elsewhere[] = [
  {
    what: 'put, delete or event during a load never leave something stale',
    where: '`npm run bench:races` plays it, and docs/coherence.md has the table',
  },
  {
    what: 'put to visible on the fast lane and by the change log',
    where: 'no row yet; `npm run measure:coherence` prints what a whole region takes',
  },
  { what: 'idle pod', where: 'no row yet; `npm run measure:idle` prints CPU and fetches' },
  { what: 'the hot key with rivals beside it', where: 'no row yet' },
  { what: 'hit ratio in the first minute after a region fails over', where: 'no row yet' },
  { what: 'two-level put and get at 2,000 operations a second', where: 'no row yet' },
  { what: 'pod ready with 100,000 warmed keys', where: 'no row yet' },
  { what: 'layered-loader 16', where: 'needs Node 22; 14.2.2 is the last that says it runs on Node 20' },
  { what: '10⁷ keys', where: 'the curve ends at 10⁶; ten times as many take a heap larger than a child is given' },
];
