import { type Command, InvalidArgumentError } from 'commander';
import type { AttachTaskOptions } from './attach.js';
import type { TaskBuilder } from './program.js';
import type { RunOptions } from './run.js';
import type { ServeOptions } from './serve-nbd.js';

const collect = (value: string, all: string[]): string[] => [...all, value];

function wholeNumber(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('not a whole number');
  return Number(value);
}

const POWERS = 'KMGT';

/** Bytes, as `512M`. */
function bytes(value: string): number {
  const [, digits, suffix = ''] = /^(\d+)([KMGT]?)$/i.exec(value) ?? [];
  if (digits === undefined) throw new InvalidArgumentError('not a number of bytes, as 512M');
  return Number(digits) * 1024 ** (suffix === '' ? 0 : POWERS.indexOf(suffix.toUpperCase()) + 1);
}

function runOptions(c: Command): void {
  c.option('--network', "give it this host's network and name servers");
  c.option('--timeout <seconds>', 'end it after this long', wholeNumber);
  c.option('--memory-limit <size>', "end it when it takes more memory (half of this host's)", bytes);
  c.option('--process-limit <number>', 'let it have so many processes at a time (4096)', wholeNumber);
  c.option('--env <name=value>', 'a variable of its environment, which has nothing of this host', collect, []);
  c.option('--keep', 'write also what a command changed whose status is not 0');
}

function serveOptions(c: Command): void {
  c.option(
    '--device <device>',
    'serve this device of the guest: /dev/sda2, /dev/vg/root (default: the disk)',
    collect,
    [],
  );
  c.option('--socket <path>', 'listen on a Unix socket').option(
    '--port <port>',
    'listen on a port (10809)',
    wholeNumber,
  );
  c.option('--bind <address>', 'address for the port (127.0.0.1)');
  c.option('--rw', 'let clients write; committed when the server ends');
  c.option('--once', 'end when the last client has gone');
}

function attachOptions(c: Command): void {
  c.option('--rw', 'let this host write; committed when it is detached');
}

/** Tasks that need a kernel, or give something to one. */
export function kernelTasks(tasks: TaskBuilder): void {
  tasks.disks('run DISK -- COMMAND...', 'run a command of the guest', 1, runOptions, async (context, argv, o) =>
    (await import('./run.js')).runTask(context, o as unknown as RunOptions, argv),
  );
  tasks.disks('serve-nbd DISK', 'serve devices of the guest over NBD', 0, serveOptions, async (context, _, o) =>
    (await import('./serve-nbd.js')).serveTask(context, o as unknown as ServeOptions),
  );
  tasks.disks(
    'attach DISK DEVICE',
    'make a device of the guest one of this host',
    1,
    attachOptions,
    async (context, argv, o) =>
      (await import('./attach.js')).attachTask(context, o as unknown as AttachTaskOptions, argv),
  );
}
