import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** A published trace in a file. */
export interface TraceFile {
  /** `<format>-<name of the file>`, in kebab case. */
  readonly name: string;
  readonly format: string;
  readonly path: string;
}

export interface FileTrace {
  /** The ids of the keys asked for, one after another; ids begin at 0 and leave none out. */
  readonly requests: Uint32Array;
  /** Different keys. */
  readonly keys: number;
}

/** Calls `ask` with the key of each request until it answers `false`. Throws for a line that is none of the format's. */
type Reader = (bytes: Buffer, ask: (key: string) => boolean) => void;

/** By the name of the folder that a file lies in, as in the traces that Caffeine's simulator ships. */
const formats: Readonly<Record<string, Reader>> = {
  /** `start count …`: so many blocks one after another. */
  arc: (bytes, ask) =>
    eachLine(bytes, (line) => {
      const [start, count] = line.split(' ').map(Number);
      if (start === undefined || count === undefined || !(start >= 0 && count >= 0)) return undefined;
      for (let block = start; block < start + count; block += 1) if (!ask(String(block))) return false;
      return true;
    }),
  /** A number a line; a line with a star is where the authors' own program may stop. */
  lirs: (bytes, ask) => eachLine(bytes, (line) => (line === '*' ? true : /^-?\d+$/.test(line) ? ask(line) : undefined)),
  /** `l 0x1fffff50 1`: a load or store, the address, the instructions since the last. */
  address: (bytes, ask) => eachLine(bytes, (line) => keyOf(/^[ls] (0x[0-9a-f]+) /.exec(line), ask)),
  /** `time id bytes`; an object of another size is another. */
  adapt_size: (bytes, ask) => eachLine(bytes, (line) => keyOf(/^\S+ (\d+ \d+)$/.exec(line), ask)),
  /** A hash a line. */
  gradle: (bytes, ask) => eachLine(bytes, (line) => keyOf(/^([0-9a-f]+)$/.exec(line), ask)),
  cache2k: (bytes, ask) => eachWord(bytes, 4, ask),
  cloud_physics: (bytes, ask) => eachWord(bytes, 4, ask),
  corda: (bytes, ask) => eachWord(bytes, 8, ask),
  scarab: (bytes, ask) => eachWord(bytes, 8, ask),
};

/** What an unpacked file may be large, bytes. */
const bytesMax = 1_073_741_824;

/** The traces in folders of `folder` that are named as their format; none without `folder`. Throws where there are none. */
export function traceFiles(folder: string | undefined): readonly TraceFile[] {
  if (folder === undefined) return [];
  const files = Object.keys(formats).flatMap((format) => filesIn(folder, format));
  if (files.length > 0) return files;
  throw new RangeError(`--traces: expected traces in ${Object.keys(formats).join('/, ')}/ of ${folder}; found none`);
}

/** At most its first `requestsMax` requests. Throws for what is not in its format. */
export function readTrace({ format, path }: Omit<TraceFile, 'name'>, requestsMax: number): FileTrace {
  const reader = formats[format];
  if (reader === undefined)
    throw new RangeError(`expected a format out of ${Object.keys(formats).join(', ')}; got ${format}`);
  const packed = readFileSync(path);
  const bytes = path.endsWith('.gz') ? gunzipSync(packed, { maxOutputLength: bytesMax }) : packed;
  const ids = new Map<string, number>();
  const requests: number[] = [];
  try {
    reader(bytes, (key) => {
      let id = ids.get(key);
      if (id === undefined) ids.set(key, (id = ids.size));
      return requests.push(id) < requestsMax;
    });
  } catch (error) {
    throw new Error(`${path} is no trace in the format ${format}`, { cause: error });
  }
  return { requests: Uint32Array.from(requests), keys: ids.size };
}

function filesIn(folder: string, format: string): TraceFile[] {
  const path = join(folder, format);
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  const names = readdirSync(path).filter((name) => /trace|build-cache/.test(name) && !/\.(class|java|xz)$/.test(name));
  return names.sort().map((name) => ({ name: kebab(`${format}-${name}`), format, path: join(path, name) }));
}

function kebab(text: string): string {
  const words = text
    .toLowerCase()
    .replace(/\.gz$/, '')
    .split(/[^a-z0-9]+/);
  return words.filter((word) => word !== '' && word !== 'trace').join('-');
}

/** `see`: `true` to go on, `false` to stop, `undefined`: the line is none of the format's. */
function eachLine(bytes: Buffer, see: (line: string) => boolean | undefined): void {
  for (let start = 0; start < bytes.length;) {
    const newline = bytes.indexOf(10, start);
    const end = newline === -1 ? bytes.length : newline;
    const line = bytes.toString('latin1', start, end).trim();
    const goesOn = line === '' ? true : see(line);
    if (goesOn === undefined) throw new SyntaxError(`unexpected line at byte ${start}`);
    if (!goesOn) return;
    start = end + 1;
  }
}

function keyOf(match: RegExpExecArray | null, ask: (key: string) => boolean): boolean | undefined {
  return match?.[1] === undefined ? undefined : ask(match[1]);
}

/** Numbers of as many bytes, of whatever order: only whether two are the same counts. */
function eachWord(bytes: Buffer, size: number, ask: (key: string) => boolean): void {
  if (bytes.length % size !== 0) throw new SyntaxError(`${bytes.length} bytes are no whole number of words of ${size}`);
  for (let at = 0; at < bytes.length; at += size) if (!ask(bytes.toString('latin1', at, at + size))) return;
}
