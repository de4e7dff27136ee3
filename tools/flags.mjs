// Writes the tables of docs/operating/flags.md from the configurations of the processes, as they are built: `npm run flags`.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const root = path.resolve(import.meta.dirname, '..');
const page = path.join(root, 'docs/operating/flags.md');
const sources = [
  { role: 'sync', file: 'apps/sync/dist/configuration.js', name: 'configuration' },
  { role: 'dispatcher', file: 'apps/dispatcher/dist/configuration.js', name: 'configuration' },
  { role: 'admin', file: 'apps/admin/dist/configuration.js', name: 'configuration' },
  { role: 'doctor', file: 'apps/cli/dist/doctor-configuration.js', name: 'doctorConfiguration' },
];

let text = readFileSync(page, 'utf8');
for (const { role, file, name } of sources) {
  const exported = await import(pathToFileURL(path.join(root, file)).href);
  const marks = new RegExp(`(<!-- flags:${role}:begin -->\\n)[^]*?(\\n<!-- flags:${role}:end -->)`);
  if (!marks.test(text)) throw new Error(`${page} has no marks of ${role}`);
  text = text.replace(marks, (_, begin, end) => `${begin}\n${exported[name].markdownTable()}\n${end}`);
}
writeFileSync(page, text);
