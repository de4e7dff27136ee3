import { describe, expect, it } from '@jest/globals';
import { curveChart, decadesOf, figure, groupedChart, ratioChart } from './charts.js';

describe('decadesOf', () => {
  it('encloses the values', () => {
    expect(decadesOf([0.5, 30])).toEqual([0.1, 1, 10, 100]);
  });

  it('is one decade at least', () => {
    expect(decadesOf([10])).toEqual([10, 100]);
  });

  it.each([0, -1, Number.NaN])('refuses %p', (value) => {
    expect(() => decadesOf([value])).toThrow(RangeError);
  });
});

describe('charts', () => {
  it('draws a bar of length by decade, from 1, and its goal', () => {
    const chart = ratioChart('Ratios', [
      { label: 'far', value: 100, goal: 10, met: true },
      { label: 'near', value: 10, met: false },
    ]);
    const [far = 0, near = 0] = [...chart.matchAll(/<rect x="[\d.]+" y="\d+" width="([\d.]+)" height="16"/g)].map(
      ([, width]) => Number(width),
    );
    expect(far).toBeCloseTo(2 * near, 0);
    expect(chart.match(/stroke-width="2"/g)).toHaveLength(1);
  });

  it('draws a bar below 1 to the left of it', () => {
    const chart = ratioChart('Ratios', [{ label: 'behind', value: 0.1, met: false }]);
    expect(chart).toContain('<rect x="250" y="44"');
  });

  it('escapes what it is given', () => {
    const chart = ratioChart('a < b & "c"', [{ label: '<script>', value: 1, met: true }]);
    expect(chart).toContain('<title>a &lt; b &amp; &quot;c&quot;</title>');
    expect(chart).not.toContain('<script>');
  });

  it('draws a bar for every series of every group', () => {
    const groups = [
      { label: 'loop', values: [50, 25] },
      { label: 'scan', values: [10, 20] },
    ];
    const chart = groupedChart('Hit ratio', ['ours', 'theirs'], groups);
    expect(chart.match(/height="11"/g)).toHaveLength(4);
    expect(chart).toContain('50 %');
  });

  it('draws a point for every measurement', () => {
    const series = { ours: [10, 20, 40], theirs: [20, 40, 80] };
    const curve = { name: 'growth', what: 'A `hit`', xLabel: 'keys', unit: 'ns', xs: [1, 10, 100], series };
    const chart = curveChart(curve);
    expect(chart.match(/<circle/g)).toHaveLength(6);
    expect(chart.match(/<polyline/g)).toHaveLength(2);
    expect(chart).toContain('<title>A hit</title>');
  });
});

describe('figure', () => {
  it.each([
    [1_234_567.8, '1,234,568'],
    [12.345, '12.3'],
    [0.012345, '0.0123'],
    [1, '1'],
  ])('shows %p as %s', (value, shown) => {
    expect(figure(value)).toBe(shown);
  });
});
