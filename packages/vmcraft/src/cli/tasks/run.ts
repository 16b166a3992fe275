import { UsageError } from '@vmcraft/core/errors';
import { ExitStatus } from '../output/exit-codes.js';
import { runElsewhere } from './run-elsewhere.js';
import { type DiskOptions, note, printJson, type TaskContext } from './task-context.js';
import { mountGuest, withGuest } from './with-guest.js';

/** Options of `run`. */
export interface RunOptions extends DiskOptions {
  readonly network?: boolean;
  /** Seconds. */
  readonly timeout?: number;
  /** Bytes. */
  readonly memoryLimit?: number;
  readonly processLimit?: number;
  /** `NAME=VALUE`. */
  readonly env: readonly string[];
  /** Commit also what a command wrote whose status is not 0. */
  readonly keep?: boolean;
}

/**
 * Run a command of the guest. What it writes comes out as it comes; its exit status is ours. When that is not 0, nothing is written to
 * the disks.
 */
export async function runTask(context: TaskContext, options: RunOptions, argv: readonly string[]): Promise<void> {
  const { json, dryRun } = context.global;
  const chunks: [Uint8Array[], Uint8Array[]] = [[], []];
  let status = 0;
  try {
    await withGuest(context, options, {
      writes: true,
      async run(guest) {
        await mountGuest(context, guest, options, false);
        const onOutput = (stream: 1 | 2, chunk: Uint8Array): Promise<void> | void => {
          if (json) chunks[stream - 1]?.push(chunk);
          else return (stream === 1 ? context.output : context.errors).write(chunk);
        };
        const how = {
          env: variables(options.env),
          network: options.network === true,
          ...(options.timeout === undefined ? {} : { timeout: options.timeout * 1000 }),
          ...(options.memoryLimit === undefined ? {} : { memoryLimit: options.memoryLimit }),
          ...(options.processLimit === undefined ? {} : { processLimit: options.processLimit }),
          onOutput,
        };
        status = await guest.session
          .exclusive(() => guest.session.commands.run(argv, how))
          .then(
            (result) => result.status,
            (error: unknown) => runElsewhere(guest, argv, how, error),
          );
        if (status !== 0 && options.keep !== true) throw new ExitStatus(status);
      },
    });
  } catch (error) {
    if (!(error instanceof ExitStatus)) throw error;
    if (!json) await note(context, `the command ended with status ${status}; nothing was written (--keep would)`);
  }
  if (json) {
    const [stdout, stderr] = chunks.map((all) => Buffer.concat(all).toString());
    await printJson(context, { command: argv, status, stdout, stderr, dryRun });
  }
  if (status !== 0) throw new ExitStatus(status);
}

function variables(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((text) => {
      const at = text.indexOf('=');
      if (at < 1) throw new UsageError(`'${text}' is not NAME=VALUE`, { argument: '--env' });
      return [text.slice(0, at), text.slice(at + 1)];
    }),
  );
}
