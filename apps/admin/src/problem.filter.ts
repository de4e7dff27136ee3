import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import { type Logger } from '@tidemark/runtime';

import { problemOf } from './problem.js';
import { sendProblem, type ProblemResponse } from './send-problem.js';

/** Answers everything that is thrown with a problem document. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const problem = problemOf(error);
    if (problem.status >= 500 && problem.code !== 'NOT_WRITER') {
      this.#logger.error({ error, code: problem.code, status: problem.status }, 'admin: a request failed');
    }
    sendProblem(host.switchToHttp().getResponse<ProblemResponse>(), problem);
  }
}
