import { expect, it } from '@jest/globals';
import { decodePodReport, decodeRecord, decodeRoute, decodeRouteHistory, decodeSrc } from '@tidemark/protocol';
import { fuzz } from './fuzz.js';
import { goldenBytes, goldenHeaders } from './golden.js';

it('a header, whatever stands in it, is read as one of the known types of records', () => {
  const types = new Set<string>();
  fuzz({ corpus: goldenHeaders(), runs: 200_000 }, (input) => {
    for (const key of ['user:42', null])
      types.add(decodeRecord({ key, value: key === null ? null : input, header: input }).type);
    const src = decodeSrc(input);
    if (src !== undefined && !(Number.isSafeInteger(src) && src >= 0)) throw new Error(`src is read as ${src}`);
  });
  expect([...types]).toEqual(expect.arrayContaining(['event', 'control', 'malformed']));
}, 600_000);

it.each([
  ['route', 'routes.json', decodeRoute],
  ['pod report', 'pod-reports.json', decodePodReport],
  ['record of a route’s history', 'route-history.json', decodeRouteHistory],
] as const)(
  'a %s, whatever stands in it, is read or refused with a reason',
  (_what, file, decode) => {
    const outcomes = new Set<boolean>();
    fuzz({ corpus: goldenBytes(file), runs: 50_000 }, (input) => {
      const result = decode(input);
      outcomes.add(result.ok);
      if (!result.ok && typeof result.reason !== 'string') throw new Error('refused without a reason');
    });
    expect(outcomes).toEqual(new Set([true, false]));
  },
  600_000,
);
