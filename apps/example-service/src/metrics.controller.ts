import { Controller, Get, Header, Inject } from '@nestjs/common';
import { type MetricsText } from '@tidemark/process';

export const metricsToken = 'example-service.metrics';

@Controller('metrics')
export class MetricsController {
  constructor(@Inject(metricsToken) private readonly metrics: MetricsText) {}

  @Get()
  @Header('Content-Type', 'text/plain; version=0.0.4; charset=utf-8')
  read(): Promise<string> {
    return this.metrics.text();
  }
}
