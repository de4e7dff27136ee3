import { type Elsewhere } from './report.js';

/** Goals of the design that no row here measures yet, and what there is instead. */
export const elsewhere: readonly Elsewhere[] = [
  {
    what: 'put, delete or event during a load never leave something stale',
    where: '`npm run bench:races` plays it, and docs/coherence.md has the table',
  },
  { what: 'the hot key with rivals beside it', where: 'no row yet' },
  { what: 'layered-loader 16', where: 'needs Node 22; 14.2.2 is the last that says it runs on Node 20' },
];
