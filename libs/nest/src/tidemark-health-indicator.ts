import { Injectable } from '@nestjs/common';
import { type TidemarkHealth } from '@tidemark/cache';
import { TidemarkService } from './tidemark.service.js';

/** One indicator's result, in the shape that @nestjs/terminus collects. */
export type TidemarkHealthResult = Record<string, TidemarkHealth & { readonly status: 'up' | 'down' }>;

/**
 * For readiness: `up` from the end of the start until the shutdown begins. A pod that lost its feed stays up, since it reads through;
 * its state and staleness stand beside. Works with @nestjs/terminus and without it.
 */
@Injectable()
export class TidemarkHealthIndicator {
  readonly #tidemark: TidemarkService;

  constructor(tidemark: TidemarkService) {
    this.#tidemark = tidemark;
  }

  isHealthy(key = 'tidemark'): TidemarkHealthResult {
    return { [key]: { status: this.#tidemark.ready ? 'up' : 'down', ...this.#tidemark.health() } };
  }
}
