import { readFile } from 'node:fs/promises';
import { text as textOf } from 'node:stream/consumers';
import { printAndExit } from '@tidemark/process';
import { routesCommand } from './routes-command.js';

const read = (file: string): Promise<string> => (file === '-' ? textOf(process.stdin) : readFile(file, 'utf8'));
printAndExit(await routesCommand(process.argv.slice(2), process.env, { read }));
