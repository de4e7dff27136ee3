import { Controller, Get, Header, HttpStatus, Inject, Res } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiResponse, type ApiResponseSchemaHost, ApiTags } from '@nestjs/swagger';
import { type MetricsText } from '@tidemark/process';

import { type Readiness, ReadinessSource } from './readiness.js';

export const metricsToken = 'tidemark.admin.metrics';

/** What the controller uses of a response. */
interface ResponseHead {
  status(code: number): unknown;
  setHeader(name: string, value: string): unknown;
}

const stateSchema: ApiResponseSchemaHost['schema'] = {
  type: 'object',
  required: ['ready', 'detail'],
  properties: { ready: { type: 'boolean' }, detail: { type: 'object' } },
};

/** For whoever runs the process; needs no token. */
@ApiTags('operations')
@Controller()
export class HealthController {
  readonly #readiness: ReadinessSource;
  readonly #metrics: MetricsText;

  constructor(readiness: ReadinessSource, @Inject(metricsToken) metrics: MetricsText) {
    this.#readiness = readiness;
    this.#metrics = metrics;
  }

  @Get('health/live')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'live', summary: 'Whether the process answers at all' })
  @ApiOkResponse({
    description: 'It does.',
    schema: { type: 'object', properties: { live: { type: 'boolean', example: true } } },
  })
  live(): { readonly live: true } {
    return { live: true };
  }

  @Get('health/ready')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'ready', summary: 'Whether the routing table is read, here or elsewhere to be changed' })
  @ApiOkResponse({ description: 'They are.', schema: stateSchema })
  @ApiResponse({ status: 503, description: 'Not yet, or not any more; `detail` says why.', schema: stateSchema })
  ready(@Res({ passthrough: true }) response: ResponseHead): Readiness {
    const readiness = this.#readiness.read();
    response.status(readiness.ready ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return readiness;
  }

  @Get('health/leader')
  @Header('Cache-Control', 'no-store')
  @ApiOperation({ operationId: 'leader', summary: 'Whether this process takes changes, for whoever sends them there' })
  @ApiOkResponse({ description: 'It does.', schema: stateSchema })
  @ApiResponse({ status: 503, description: 'Another one does, or none; `detail` names it.', schema: stateSchema })
  leader(@Res({ passthrough: true }) response: ResponseHead): Readiness {
    response.status(this.#readiness.leads ? HttpStatus.OK : HttpStatus.SERVICE_UNAVAILABLE);
    return this.#readiness.read();
  }

  @Get('metrics')
  @ApiOperation({ operationId: 'metrics', summary: "The process's metrics in Prometheus' text format" })
  @ApiOkResponse({ description: 'Text.', content: { 'text/plain': { schema: { type: 'string' } } } })
  async metrics(@Res({ passthrough: true }) response: ResponseHead): Promise<string> {
    response.setHeader('Content-Type', this.#metrics.contentType);
    return this.#metrics.text();
  }
}
