import { type DoctorOptions, type ProcessRole, processRoles, type Report, reportText } from '@tidemark/doctor';
import { type Environment } from '@tidemark/process';
import { messageOf } from '@tidemark/runtime';
import { doctorConfiguration, doctorOptions } from './doctor-configuration.js';
import { parsedArguments } from './parsed-arguments.js';

/** How the doctor's command ends. */
export interface DoctorEnd {
  /** 0: nothing is wrong. 1: something is, or could not be looked at. 2: the command or the configuration is wrong. */
  readonly exitCode: 0 | 1 | 2;
  /** For standard output where the command was right, else for standard error. */
  readonly text: string;
}

type Diagnose = (options: DoctorOptions) => Promise<Report>;

/** Runs `tidemark doctor`; never rejects. */
export async function doctorCommand(
  args: readonly string[],
  environment: Environment,
  diagnose: Diagnose,
): Promise<DoctorEnd> {
  try {
    const flags = flagsOf(args);
    if (flags.help === true) return { exitCode: 0, text: helpText() };
    const options = doctorOptions(environment);
    const role = roleOf(flags.role);
    const writeProbe = flags['write-probe'] === true;
    if (writeProbe) checkTriesWrites(role);
    const report = await diagnose({ ...options, ...(role === undefined ? {} : { role }), writeProbe });
    const text = flags.json === true ? `${JSON.stringify(report, null, 2)}\n` : reportText(report);
    return { exitCode: report.ok ? 0 : 1, text };
  } catch (error) {
    return { exitCode: 2, text: `${messageOf(error)}\n` };
  }
}

interface Flags {
  readonly help?: boolean;
  readonly json?: boolean;
  readonly role?: string;
  readonly 'write-probe'?: boolean;
}

function flagsOf(args: readonly string[]): Flags {
  const kind = { type: 'boolean' } as const;
  const options = { help: kind, json: kind, 'write-probe': kind, role: { type: 'string' } } as const;
  try {
    return parsedArguments(args, options, false).values;
  } catch (error) {
    throw new Error(`tidemark-doctor: ${messageOf(error)} (see --help)`, { cause: error });
  }
}

function roleOf(given: string | undefined): ProcessRole | undefined {
  const role = processRoles.find((each) => each === given);
  if (given === undefined || role !== undefined) return role;
  throw new Error(`tidemark-doctor: --role: expected one of ${processRoles.join(', ')}, got ${JSON.stringify(given)}`);
}

/** Whoever gives a flag believes that it does something. */
function checkTriesWrites(role: ProcessRole | undefined): void {
  if (role === undefined || role === 'sync') return;
  throw new Error(
    `tidemark-doctor: --write-probe: expected --role sync or none, got ${role}, of which no call that writes is tried`,
  );
}

function helpText(): string {
  const command = doctorConfiguration.command(['--help'], {});
  const text = command.type === 'end' ? command.text : '';
  const usage = `Usage: tidemark doctor [--role sync|dispatcher|admin] [--json] [--write-probe] [--help]
  --role         whose principal this is: what that process may not do is a problem, and what it has nothing to do with is not looked at
  --json         print the report as JSON
  --write-probe  also try the calls of sync that write: one dead letter, and writes to the lease table whose condition never holds
  --help         print this text

Exit codes: 0 nothing is wrong, 1 something is or could not be looked at, 2 wrong configuration or command line.

The configuration is read from the environment: that of any of the processes will do.
`;
  return text.replace(/Usage:[^]*?(?=\nVARIABLE)/, usage);
}
