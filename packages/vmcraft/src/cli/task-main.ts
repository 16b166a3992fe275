import { CommanderError } from 'commander';
import { describeChain, describeError, errorToJson } from './output/error-report.js';
import { EXIT, ExitStatus, exitCodeOf } from './output/exit-codes.js';
import { isBrokenPipe, StreamOutput } from './output/output.js';
import type { GuestFactory } from './shell/guest.js';
import { buildProgram } from './tasks/program.js';
import type { GlobalOptions } from './tasks/task-context.js';
import { version } from './version.js';

/** `--checksum` alone takes no word after it, as in virt-ls. */
function withChecksumType(word: string): string {
  return word === '--checksum' ? '--checksum=md5' : word;
}

/** Run a task command; the exit code. */
export async function taskMain(argv: readonly string[], factory: GuestFactory): Promise<number> {
  let global: GlobalOptions = { json: argv.includes('--json'), verbose: false, dryRun: false, force: false };
  const program = buildProgram(version, (given) => {
    global = given;
    return { global, factory, output: new StreamOutput(process.stdout), errors: new StreamOutput(process.stderr) };
  });
  try {
    await program.parseAsync(argv.map(withChecksumType), { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    if (error instanceof ExitStatus) return error.status;
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return report(error, global);
  }
}

function report(error: unknown, global: GlobalOptions): number {
  if (isBrokenPipe(error)) return EXIT.brokenPipe;
  const code = exitCodeOf(error);
  if (global.json) process.stderr.write(`${errorToJson(error, code)}\n`);
  else process.stderr.write(`vmcraft: ${describeError(error)}\n`);
  if (global.verbose) process.stderr.write(`${describeChain(error)}\n`);
  return code;
}
