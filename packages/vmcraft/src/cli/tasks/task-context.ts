import type { KeySelector } from '../options/key-selector.js';
import type { Output } from '../output/output.js';
import { ProgressBar } from '../output/progress-bar.js';
import type { GuestFactory } from '../shell/guest.js';

/** Options that every task command takes. */
export interface GlobalOptions {
  readonly json: boolean;
  readonly verbose: boolean;
  readonly dryRun: boolean;
  readonly force: boolean;
  readonly backend?: string;
  /** Undefined: when standard error is a terminal. */
  readonly progressBars?: boolean;
}

/** Options that say which disks, and how to open them. */
export interface DiskOptions {
  readonly add: readonly string[];
  readonly imageFormat?: string;
  readonly mount: readonly string[];
  readonly root?: string;
  readonly key: readonly KeySelector[];
  readonly keysFromStdin?: boolean;
}

/** What a task command works with. */
export interface TaskContext {
  readonly global: GlobalOptions;
  readonly factory: GuestFactory;
  readonly output: Output;
  readonly errors: Output;
}

/** Work shorter than this shows no bar. */
const PROGRESS_DELAY_MS = 500;

/** The progress bar of a task; undefined when nobody sees it. */
export function taskProgress({ global, errors }: TaskContext): ProgressBar | undefined {
  const wanted = global.progressBars ?? (errors.isTerminal && !global.json);
  return wanted ? new ProgressBar(process.stderr, { delayMs: PROGRESS_DELAY_MS }) : undefined;
}

/** Print a result as JSON, indented when a person reads it. */
export function printJson({ output }: TaskContext, value: unknown): Promise<void> {
  return output.write(`${JSON.stringify(value, null, output.isTerminal ? 2 : undefined)}\n`);
}

/** Print a note beside the result. */
export async function note({ global, errors }: TaskContext, text: string): Promise<void> {
  await errors.write(global.json ? `${JSON.stringify({ note: text })}\n` : `vmcraft: ${text}\n`);
}
