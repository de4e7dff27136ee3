import { readFileSync } from 'node:fs';
import path from 'node:path';

/** Bytes as the protocol's golden files show them. */
interface Shown {
  readonly text: string;
  readonly hex: string;
}

const folder = path.join(import.meta.dirname, '../../../libs/protocol/golden');

/** A golden file of the protocol: what it wrote, by name. */
export function readGolden<T>(name: string): readonly T[] {
  return Object.values(JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as Readonly<Record<string, T>>);
}

/** The bytes of every record in a golden file that is shown as such. */
export function goldenBytes(name: string): readonly Buffer[] {
  return readGolden<Shown | null>(name).flatMap((shown) => (shown === null ? [] : [Buffer.from(shown.hex, 'hex')]));
}

/** The headers of every record of events and controls. */
export function goldenHeaders(): readonly Buffer[] {
  const events = readGolden<{ readonly record: { readonly header: Shown } }>('events.json');
  const controls = readGolden<{ readonly header: Shown }>('control-records.json');
  const headers = [...events.map(({ record }) => record.header), ...controls.map(({ header }) => header)];
  return headers.map(({ hex }) => Buffer.from(hex, 'hex'));
}
