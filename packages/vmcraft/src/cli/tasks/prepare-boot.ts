import { UsageError } from '@vmcraft/core/errors';
import type { BootPreparation } from '@vmcraft/os-windows';
import { type DiskOptions, printJson, type TaskContext } from './task-context.js';
import { change } from './windows.js';

/** Options of the task by those of the action. */
const STEPS = {
  all: 'all',
  stayonerror: 'stayOnError',
  disableformer: 'disableFormer',
  onlinedisks: 'onlineDisks',
  installdrivers: 'installDrivers',
  fallbackloader: 'fallbackLoader',
  showconsole: 'showConsole',
} as const;

/** Prepare the guest to start on another hypervisor. */
export async function prepareBootTask(
  context: TaskContext,
  disks: DiskOptions,
  given: Readonly<Record<string, unknown>>,
): Promise<void> {
  const options: Record<string, unknown> = {};
  for (const [step, name] of Object.entries(STEPS)) options[step] = given[name] === true;
  if (given.heads !== undefined) options.heads = numberOf(given.heads);
  const done = await change<BootPreparation>(context, disks, 'prepare_boot', [], options);
  if (context.global.json) return printJson(context, done);
  const { files, registry, disabled, bootEntries, headsBefore } = done;
  const lines = [
    ...files.map((file) => `wrote ${file}\n`),
    ...registry.map((r) => `${r.hive}\\${r.key}${r.name === undefined ? '' : `, ${r.name}`}: ${r.action}\n`),
    ...(disabled.length === 0 ? [] : [`switched off: ${disabled.join(', ')}\n`]),
    ...bootEntries.map((id) => `boot entry ${id} shows its console\n`),
    ...(headsBefore === undefined ? [] : [`heads in the boot sector: ${headsBefore} before\n`]),
  ];
  await context.output.write(`${done.windows}\n${lines.length === 0 ? 'All of it was so already.\n' : lines.join('')}`);
}

function numberOf(text: unknown): number {
  const value = Number(text);
  if (!Number.isInteger(value)) throw new UsageError(`'${String(text)}' is no number of heads`, { argument: 'heads' });
  return value;
}
