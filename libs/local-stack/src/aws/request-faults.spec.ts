import { afterEach, expect, it, jest } from '@jest/globals';
import { ManualClock, settle } from '@tidemark/runtime/testing';
import { RequestFaults } from './request-faults.js';

afterEach(() => void jest.restoreAllMocks());

it('a fault holds any number of requests without a listener for each, of which Node would warn', async () => {
  const faults = new RequestFaults(new ManualClock());
  const stall = faults.add({}, { kind: 'stall' }, Infinity);
  const listen = jest.spyOn(EventTarget.prototype, 'addEventListener');
  const request = { service: 'dynamodb', region: 'here', operation: 'GetItem', resources: () => [] } as const;
  const held = Array.from({ length: 20 }, () => faults.meet(request));
  await settle();
  expect(stall.hits).toBe(20);
  expect(listen.mock.calls.length).toBe(1);
  stall.clear();
  expect(await Promise.all(held)).toEqual(Array.from({ length: 20 }, () => ({ kind: 'serve' })));
});
