import { faultNames } from '../faults/fault.js';
import { type SeedsPlayed } from './play-seeds.js';

/** What was played, in lines that the runner of all tests shows, too. */
export function figures({ seeds, counts, virtualHours, cpuSeconds }: SeedsPlayed): string {
  const perMinute = Math.round((seeds / cpuSeconds) * 60);
  const fired = faultNames.map((name) => `${name} ${counts[`fault: ${name}`] ?? 0}`);
  const others = Object.entries(counts).filter(([name]) => !/^(fault|no chance for): /.test(name));
  return [
    `FIGURES: ${seeds} seeds, ${virtualHours.toFixed(1)} virtual hours, ${perMinute} seeds a minute of processor time`,
    `FIGURES: faults: ${fired.join(', ')}`,
    `FIGURES: ${others.map(([name, times]) => `${name} ${times}`).join(', ')}`,
  ].join('\n');
}
