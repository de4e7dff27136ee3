import { type RouteDump } from '@tidemark/control';
import { decodeRoute } from '@tidemark/protocol';
import { z } from 'zod';

import { RequestProblem } from './problem.js';
import { wrongShape } from './route-request.js';

/** Far below what a route may have: writers go above it, one at a time, and so do changes. */
const countMax = 1_000_000_000;
const dumpBody = z.strictObject({
  writerEpoch: z.int().min(0).max(countMax),
  exportedAt: z.string().optional(),
  routes: z.array(z.unknown()).max(1_000),
});

/** An export as it is imported; throws a `RequestProblem` that names the field. */
export function readDump(body: unknown): Omit<RouteDump, 'exportedAt'> {
  const result = dumpBody.safeParse(body);
  if (!result.success) throw wrongShape(result.error, 'body', 'expected what GET answers');
  const { writerEpoch, routes } = result.data;
  return {
    writerEpoch,
    routes: routes.map((raw, index) => {
      const decoded = decodeRoute(JSON.stringify(raw));
      if (decoded.ok && decoded.route.version <= countMax) return decoded.route;
      const reason = decoded.ok ? 'version: expected a lower one' : decoded.reason;
      throw new RequestProblem('BAD_REQUEST', `routes[${index}]: ${reason}`, { field: `routes[${index}]` });
    }),
  };
}
