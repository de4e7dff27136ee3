import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException, Logger } from '@nestjs/common';
import { type ErrorCode, isTidemarkError } from '@tidemark/cache';

const statusOf: Partial<Record<ErrorCode, number>> = {
  INVALID_KEY: 400,
  INVALID_TOKEN: 400,
  WRONG_REGION: 409,
  INVALID_VALUE: 400,
  VALUE_TOO_LARGE: 413,
  PARTIAL_READ: 503,
  THROTTLED: 503,
  QUEUE_FULL: 503,
  OVERLOADED: 503,
  STORE_UNAVAILABLE: 503,
  CLOSED: 503,
  TIMEOUT: 504,
  AMBIGUOUS_WRITE: 504,
  WRITE_CONTENDED: 409,
  VISIBILITY_TIMEOUT: 504,
  VISIBILITY_UNAVAILABLE: 503,
  PUBLISH_FAILED: 503,
};

interface JsonResponse {
  status(code: number): { json(body: unknown): void };
}

/** Tidemark's errors as HTTP: the code travels, so that a client can tell "not written" from "may have been written". */
@Catch()
export class TidemarkErrorFilter implements ExceptionFilter {
  readonly #logger = new Logger('example-service');

  catch(error: unknown, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<JsonResponse>();
    if (error instanceof HttpException) {
      response.status(error.getStatus()).json(error.getResponse());
      return;
    }
    if (isTidemarkError(error)) {
      const { code, message, retriable } = error;
      response.status(statusOf[code] ?? 500).json({ code, message, retriable });
      return;
    }
    this.#logger.error(error);
    response.status(500).json({ code: 'INTERNAL', message: 'unexpected error' });
  }
}
