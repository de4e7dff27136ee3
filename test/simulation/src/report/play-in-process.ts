import { fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type SeedsPlayed } from './play-seeds.js';

const folder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/**
 * Plays seeds in a process of its own, where a promise costs half of what it costs under a test runner. What it says goes to this process's
 * output. It ends with this process.
 */
export function playInProcess(options: { readonly seeds: string; readonly every: number; readonly seconds: number }) {
  const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
  const child = fork(path.join(folder, 'src/play.ts'), args, {
    cwd: folder,
    execArgv: [
      '--no-warnings',
      '--conditions=@tidemark/source',
      '--max-semi-space-size=64',
      '--import',
      pathToFileURL(path.join(folder, 'typescript.mjs')).href,
    ],
  });
  return new Promise<SeedsPlayed>((resolve, reject) => {
    let played: SeedsPlayed | undefined;
    child.on('message', (message) => (played = message as SeedsPlayed));
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (played === undefined) reject(new Error(`seeds were not played to their end: ${signal ?? `exit ${code}`}`));
      else resolve(played);
    });
  });
}
