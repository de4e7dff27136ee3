import { randomUUID } from 'node:crypto';
import { itemKeyOf } from '@tidemark/protocol';
import { type ContractCase } from '@tidemark/runtime/testing';
import { conditionCases } from './store-contract/condition-cases.js';
import { type StoreSubject } from './store-contract/expectations.js';
import { foreignCases } from './store-contract/foreign-cases.js';
import { leaseCases, touchCases } from './store-contract/lease-cases.js';
import { limitCases } from './store-contract/limit-cases.js';
import { eventualCases, manyCases, readCases } from './store-contract/read-cases.js';
import { scanCases } from './store-contract/scan-cases.js';
import { deleteCases, putCases } from './store-contract/write-cases.js';

export { type StoreSubject } from './store-contract/expectations.js';

/** What every `Store` keeps, case by case. Each case makes a subject of its own and closes it. */
export function storeContract(makeSubject: () => Promise<StoreSubject>): readonly ContractCase[] {
  const named = {
    ...readCases(),
    ...manyCases(),
    ...eventualCases(),
    ...scanCases(),
    ...putCases(),
    ...deleteCases(),
    ...conditionCases(),
    ...leaseCases(),
    ...touchCases(),
    ...limitCases(),
    ...foreignCases(),
  };
  return Object.entries(named).map(([name, run]) => ({
    name,
    run: async () => {
      const subject = await makeSubject();
      try {
        await run(subject, itemKeyOf('contract', randomUUID()));
      } finally {
        await subject.close();
      }
    },
  }));
}
