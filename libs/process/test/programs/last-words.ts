import { printAndExit } from '../../src/index.js';

/** A command that has something open still. */
setInterval(() => undefined, 1_000);
const [bytes = '', exitCode = ''] = process.argv.slice(2);
printAndExit({ exitCode: Number(exitCode), text: 'x'.repeat(Number(bytes)) });
