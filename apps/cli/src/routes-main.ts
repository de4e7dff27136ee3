import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { routesCommand } from './routes-command.js';

const read = (file: string): Promise<string> => (file === '-' ? textOf(process.stdin) : readFile(file, 'utf8'));
const { exitCode, text } = await routesCommand(process.argv.slice(2), process.env, { read });
(exitCode === 0 ? process.stdout : process.stderr).write(text);
process.exitCode = exitCode;
