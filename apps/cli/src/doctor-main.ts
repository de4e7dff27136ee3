import { diagnose } from '@tidemark/doctor';
import { printAndExit } from '@tidemark/process';
import { doctorCommand } from './doctor-command.js';

const { exitCode, text } = await doctorCommand(process.argv.slice(2), process.env, diagnose);
// Calls that nobody waits for any more may hold connections for a while: the report is all there is.
printAndExit({ exitCode, text, fd: exitCode === 2 ? 2 : 1 });
