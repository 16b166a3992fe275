import { personalityOf } from './personality.js';
import type { GuestFactory } from './shell/guest.js';
import { TASKS } from './task-names.js';
import { version } from './version.js';

/** Tasks that need the basic actions alone, and so start faster. */
const BASIC_TASKS: ReadonlySet<string> = new Set([
  'inspect',
  'df',
  'cat',
  'copy-in',
  'copy-out',
  'tar-in',
  'tar-out',
  'doctor',
  'plugins',
]);

/** Options that may stand before the name of a task, and whether a value follows. */
const LEADING: Readonly<Record<string, boolean>> = {
  '--json': false,
  '--verbose': false,
  '-v': false,
  '--dry-run': false,
  '--force': false,
  '--progress-bars': false,
  '--no-progress-bars': false,
  '--backend': true,
};

/** What `--config FILE` before everything else says, and the rest of the command line. */
export function takeConfig(argv: readonly string[]): { readonly rest: readonly string[]; readonly config?: string } {
  const [first, second] = argv;
  if (first?.startsWith('--config=') === true) return { rest: argv.slice(1), config: first.slice('--config='.length) };
  if (first === '--config' && second !== undefined) return { rest: argv.slice(2), config: second };
  return { rest: argv };
}

/**
 * The command line of a task, with options that stood before its name put behind; undefined when it is one of the shell.
 */
export function taskArguments(argv: readonly string[]): readonly string[] | undefined {
  let at = 0;
  for (; at < argv.length; at += 1) {
    const takesValue = LEADING[argv[at]!.replace(/^(--backend)=.*/s, '--force')];
    if (takesValue === undefined) break;
    if (takesValue) at += 1;
  }
  const name = argv[at];
  return name !== undefined && TASKS.has(name) ? [name, ...argv.slice(0, at), ...argv.slice(at + 1)] : undefined;
}

/** Run the program; its exit code. Modules are loaded when they are needed, so that `--version` is quick. */
export async function main(
  given: readonly string[],
  program: string | undefined,
  load: (actions: 'basic' | 'all') => Promise<GuestFactory>,
): Promise<number> {
  const personality = personalityOf(program);
  const { rest: argv, config } = personality.guestfish ? { rest: given, config: undefined } : takeConfig(given);
  const factory = async (actions: 'basic' | 'all'): Promise<GuestFactory> => {
    const open = await load(actions);
    return config === undefined ? open : (settings) => open({ ...settings, config });
  };
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    process.stdout.write(`${personality.name} ${version}\n`);
    return 0;
  }
  if (!personality.guestfish) {
    const task = argv.length === 1 && argv[0] === '--help' ? argv : taskArguments(argv);
    if (task !== undefined) {
      const opener = await factory(BASIC_TASKS.has(task[0]!) ? 'basic' : 'all');
      return (await import('./task-main.js')).taskMain(task, opener);
    }
  }
  return (await import('./shell-main.js')).shellMain(shellArguments(argv), personality, await factory('all'));
}

/** `--shell-help` shows the help that `--help` shows under the name guestfish. */
function shellArguments(argv: readonly string[]): readonly string[] {
  return argv[0] === '--shell-help' ? ['--help'] : argv;
}
