import { describe, expect, it } from '@jest/globals';
import { MetricRegistry } from '@tidemark/runtime';
import { prometheusText } from './prometheus-text.js';

async function linesAbout(metrics: MetricRegistry, name: string): Promise<string[]> {
  return (await prometheusText(metrics).text()).split('\n').filter((line) => line.includes(name));
}

describe('prometheusText', () => {
  it('writes counters and gauges with their labels', async () => {
    const metrics = new MetricRegistry();
    metrics.counter('tidemark_events_total', 'Events read.', { table: 'a' }).value = 3;
    metrics.counter('tidemark_events_total', 'Events read.', { table: 'b"\\\n', lane: 'fast' }).value = 4;
    metrics.gauge('tidemark_lag_seconds', 'Lag.').value = 0.25;
    expect(await linesAbout(metrics, 'tidemark_')).toEqual([
      '# HELP tidemark_events_total Events read.',
      '# TYPE tidemark_events_total counter',
      'tidemark_events_total{table="a"} 3',
      'tidemark_events_total{table="b\\"\\\\\\n",lane="fast"} 4',
      '# HELP tidemark_lag_seconds Lag.',
      '# TYPE tidemark_lag_seconds gauge',
      'tidemark_lag_seconds 0.25',
    ]);
  });

  it('writes histograms as cumulative buckets, sum and count', async () => {
    const metrics = new MetricRegistry();
    const histogram = metrics.histogram('tidemark_read_seconds', 'Reads.', [0.1, 1], { table: 'a' });
    for (const value of [0.05, 0.5, 5]) histogram.observe(value);
    expect(await linesAbout(metrics, 'tidemark_read')).toEqual([
      '# HELP tidemark_read_seconds Reads.',
      '# TYPE tidemark_read_seconds histogram',
      'tidemark_read_seconds_bucket{table="a",le="0.1"} 1',
      'tidemark_read_seconds_bucket{table="a",le="1"} 2',
      'tidemark_read_seconds_bucket{table="a",le="+Inf"} 3',
      'tidemark_read_seconds_sum{table="a"} 5.55',
      'tidemark_read_seconds_count{table="a"} 3',
    ]);
  });

  it('shows what has changed, what is new and what a collector brings up to date', async () => {
    const metrics = new MetricRegistry();
    const exporter = prometheusText(metrics);
    const gauge = metrics.gauge('tidemark_a', 'A.');
    metrics.onCollect(() => (gauge.value += 1));
    expect(await exporter.text()).toContain('\ntidemark_a 1\n');
    metrics.gauge('tidemark_a', 'A.', { table: 't' }).value = 9;
    metrics.counter('tidemark_b_total', 'B.').value = 5;
    const second = await exporter.text();
    for (const line of ['tidemark_a 2', 'tidemark_a{table="t"} 9', 'tidemark_b_total 5'])
      expect(second).toContain(`\n${line}\n`);
  });

  it('adds what is measured of any Node process, once per exporter', async () => {
    const exporter = prometheusText(new MetricRegistry());
    const text = await exporter.text();
    expect(text).toMatch(/^process_cpu_user_seconds_total \d/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds \d/m);
    expect(exporter.contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(await prometheusText(new MetricRegistry()).text()).not.toContain('tidemark_');
  });
});
