import { type ServerResponse } from 'node:http';

import { type Problem, problemMediaType } from './problem.js';

export type ProblemResponse = Pick<ServerResponse, 'headersSent' | 'setHeader' | 'end' | 'destroy'> & {
  statusCode: number;
};

/** How long a client had better wait after a 503, s. */
const retryAfterSeconds = '1';

export function sendProblem(response: ProblemResponse, problem: Problem): void {
  if (response.headersSent) return void response.destroy();
  const body = JSON.stringify(problem);
  response.statusCode = problem.status;
  response.setHeader('Content-Type', problemMediaType);
  response.setHeader('Content-Length', Buffer.byteLength(body));
  if (problem.status === 503) response.setHeader('Retry-After', retryAfterSeconds);
  if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="tidemark"');
  if (problem.currentVersion !== undefined) response.setHeader('ETag', `"${problem.currentVersion}"`);
  response.end(body);
}
