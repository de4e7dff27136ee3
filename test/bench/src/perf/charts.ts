import { type CurveResult } from './curve.js';

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** Drawn as a mark. */
  readonly goal?: number;
  readonly met: boolean;
}

export interface BarGroup {
  readonly label: string;
  /** One for each series. */
  readonly values: readonly number[];
}

const width = 760;
const colours = ['#0b6e99', '#d9822b', '#6b7280', '#8a3ffc'];
const missed = '#b42318';

/** Ratios as bars on a logarithmic axis, the best above; a mark stands where each goal is. */
export function ratioChart(title: string, bars: readonly Bar[]): string {
  const left = 250;
  const right = width - 90;
  const ticks = decadesOf(bars.flatMap(({ value, goal }) => (goal === undefined ? [value] : [value, goal])));
  const x = logScale(ticks, left, right);
  const height = 70 + bars.length * 24;
  const drawn = bars.map(({ label, value, goal, met }, line) => {
    const y = 44 + line * 24;
    const [from, to] = [x(1), x(value)].sort((a, b) => a - b) as [number, number];
    const mark = goal === undefined ? '' : vertical(x(goal), y - 2, y + 18, '#111827', 2);
    return [
      text(left - 8, y + 12, label, 'end'),
      `<rect x="${at(from)}" y="${y}" width="${at(Math.max(1, to - from))}" height="16" fill="${met ? colours[0] : missed}"/>`,
      mark,
      text(Math.max(to, goal === undefined ? 0 : x(goal)) + 6, y + 12, `${figure(value)}×`),
    ].join('');
  });
  const grid = ticks.map(
    (tick) => vertical(x(tick), 36, height - 22, '#d1d5db', 1) + text(x(tick), height - 8, `${tick}×`, 'middle'),
  );
  return svg(height, title, [...grid, ...drawn]);
}

/** Percentages side by side. */
export function groupedChart(title: string, series: readonly string[], groups: readonly BarGroup[]): string {
  const left = 190;
  const right = width - 70;
  const barHeight = 13;
  const groupHeight = series.length * barHeight + 12;
  const height = 76 + groups.length * groupHeight;
  const x = (percent: number): number => left + ((right - left) * percent) / 100;
  const grid = [0, 25, 50, 75, 100].map(
    (tick) => vertical(x(tick), 54, height - 22, '#d1d5db', 1) + text(x(tick), height - 8, `${tick} %`, 'middle'),
  );
  const drawn = groups.map(({ label, values }, group) => {
    const top = 58 + group * groupHeight;
    const bars = values.map((value, line) => {
      const y = top + line * barHeight;
      const bar = `<rect x="${left}" y="${y}" width="${at(x(value) - left)}" height="${barHeight - 2}" fill="${colours[line % colours.length]}"/>`;
      return bar + text(x(value) + 6, y + 10, `${figure(value)} %`);
    });
    return text(left - 8, top + (series.length * barHeight) / 2 + 4, label, 'end') + bars.join('');
  });
  return svg(height, title, [...grid, legend(series, left), ...drawn]);
}

/** A line for each series, both axes logarithmic. */
export function curveChart({ what, xLabel, unit, xs, series }: CurveResult): string {
  const height = 330;
  const [left, right, top, bottom] = [80, width - 44, 74, height - 50];
  const xTicks = decadesOf(xs);
  const yTicks = decadesOf(Object.values(series).flat());
  const x = logScale(xTicks, left, right);
  const y = logScale(yTicks, bottom, top);
  const names = Object.keys(series);
  const grid = [
    ...xTicks.map(
      (tick) => vertical(x(tick), top, bottom, '#e5e7eb', 1) + text(x(tick), bottom + 18, count(tick), 'middle'),
    ),
    ...yTicks.map((tick) => horizontal(y(tick), left, right) + text(left - 8, y(tick) + 4, count(tick), 'end')),
    text((left + right) / 2, height - 10, xLabel, 'middle'),
    text(left, top - 8, unit),
  ];
  const lines = names.map((name, line) => {
    const colour = colours[line % colours.length];
    const places = (series[name] ?? []).map((value, index) => [x(xs[index] ?? 1), y(value)] as const);
    const path = places.map(([px, py]) => `${at(px)},${at(py)}`).join(' ');
    const dots = places.map(([px, py]) => `<circle cx="${at(px)}" cy="${at(py)}" r="3" fill="${colour}"/>`);
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}`;
  });
  return svg(height, what.replaceAll('`', ''), [...grid, legend(names, left), ...lines]);
}

/** Powers of ten around the values; never less than one decade. Throws where a value is not above 0. */
export function decadesOf(values: readonly number[]): readonly number[] {
  if (values.some((value) => !(value > 0))) throw new RangeError('a logarithmic axis takes values above 0');
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  return Array.from({ length: high - low + 1 }, (_, step) => Number(`1e${low + step}`));
}

function logScale(ticks: readonly number[], from: number, to: number): (value: number) => number {
  const low = Math.log10(ticks[0] ?? 1);
  const high = Math.log10(ticks.at(-1) ?? 10);
  return (value) => from + ((to - from) * (Math.log10(value) - low)) / (high - low);
}

/** Three digits that matter. */
export function figure(value: number): string {
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

function count(value: number): string {
  return value.toLocaleString('en');
}

function legend(series: readonly string[], left: number): string {
  const entries = series.map((name, line) => {
    const x = left + line * 180;
    return `<rect x="${x}" y="34" width="12" height="12" fill="${colours[line % colours.length]}"/>${text(x + 18, 44, name)}`;
  });
  return entries.join('');
}

function svg(height: number, title: string, parts: readonly string[]): string {
  const head = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" font-family="sans-serif" font-size="12">`;
  const background = `<rect width="${width}" height="${height}" fill="#ffffff"/>`;
  const heading = `<text x="12" y="20" font-weight="bold" fill="#111827">${escaped(title)}</text>`;
  return `${[head, `<title>${escaped(title)}</title>`, background, heading, ...parts].join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, content: string, anchor = 'start'): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" fill="#111827">${escaped(content)}</text>`;
}

function vertical(x: number, from: number, to: number, colour: string, thickness: number): string {
  return `<line x1="${at(x)}" x2="${at(x)}" y1="${from}" y2="${to}" stroke="${colour}" stroke-width="${thickness}"/>`;
}

function horizontal(y: number, from: number, to: number): string {
  return `<line x1="${from}" x2="${to}" y1="${at(y)}" y2="${at(y)}" stroke="#e5e7eb"/>`;
}

function at(place: number): number {
  return Math.round(place * 10) / 10;
}

function escaped(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}
