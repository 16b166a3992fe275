import { readFile } from 'node:fs/promises';
import { HostError, InternalError, messageOf } from '@vmcraft/core/errors';
import type { AnyAction } from '@vmcraft/core/guest';
import type { BootReport, InjectionResult } from '@vmcraft/os-windows';
import { formatTable } from '../output/table.js';
import type { OpenedGuest } from '../shell/guest.js';
import { type DiskOptions, note, printJson, type TaskContext } from './task-context.js';
import { mountGuest, withGuest } from './with-guest.js';

type Values = Readonly<Record<string, unknown>>;

/** Call an action of the Windows plugin: sessions of tasks have those of the core only. */
async function perform<T>(guest: OpenedGuest, name: string, args: readonly unknown[], options: Values): Promise<T> {
  const { windowsActions } = await import('@vmcraft/os-windows');
  const action = (windowsActions as readonly AnyAction[]).find((a) => a.name === name);
  if (action === undefined) throw new InternalError(`there is no action ${name}`);
  return (await guest.invoke(action, args, options)) as T;
}

/** Call one action on the mounted guest and commit. */
export async function change<T>(
  context: TaskContext,
  disks: DiskOptions,
  action: string,
  args: readonly unknown[],
  options: Values,
): Promise<T> {
  return withGuest(context, disks, {
    writes: true,
    async run(guest) {
      await mountGuest(context, guest, disks, false);
      return perform<T>(guest, action, args, options);
    },
  });
}

/** Put driver packages of a folder into the guest. */
export async function injectDriverTask(
  context: TaskContext,
  disks: DiskOptions,
  folder: string,
  inf: string | undefined,
  options: Values,
): Promise<void> {
  const given = inf === undefined ? options : { ...options, inf };
  await report(context, await change(context, disks, 'inject_driver', [folder], given));
}

/** Put drivers of a virtio-win tree into the guest. */
export async function injectVirtioTask(
  context: TaskContext,
  disks: DiskOptions,
  path: string,
  options: Values,
): Promise<void> {
  await report(context, await change(context, disks, 'inject_virtio', [path], options));
}

async function report(context: TaskContext, result: InjectionResult): Promise<void> {
  for (const warning of result.warnings) await note(context, `warning: ${warning}`);
  if (context.global.json) return printJson(context, result);
  const lines = [`${result.windows}\n`];
  for (const { inf, version, publishedInf, services, signers } of result.packages) {
    const names = services.map(({ name, start }) => `${name} (${start === 0 ? 'boot' : `start ${start}`})`).join(', ');
    const signed = signers.length === 0 ? '' : `, signed by ${signers.join(', ')}`;
    lines.push(`  ${inf} ${version} is ${publishedInf}${signed}${names === '' ? '' : `: ${names}`}\n`);
  }
  for (const { inf, reason } of result.skipped) lines.push(`  ${inf} was left out: ${reason}\n`);
  if (result.disabled.length > 0) lines.push(`  switched off: ${result.disabled.join(', ')}\n`);
  const { files, registry } = result;
  const isDone = files.length + registry.length === 0;
  lines.push(
    isDone ? 'Everything was there already.\n' : `${files.length} files, ${registry.length} registry changes.\n`,
  );
  await context.output.write(lines.join(''));
}

/** Have scripts run at the next boot. */
export async function firstBootTask(
  context: TaskContext,
  disks: DiskOptions,
  scripts: readonly string[],
): Promise<void> {
  const done = await withGuest(context, disks, {
    writes: true,
    async run(guest) {
      await mountGuest(context, guest, disks, false);
      const results: { script: string; log: string }[] = [];
      for (const script of scripts) results.push(await perform(guest, 'firstboot', [script], {}));
      return results;
    },
  });
  if (context.global.json) return printJson(context, done);
  const lines = done.map(({ script }) => `${script} runs at the next boot\n`);
  await context.output.write(`${lines.join('')}log: ${done[0]?.log}\n`);
}

/** Set or take away a password. It comes from a file, never from the command line. */
export async function resetPasswordTask(
  context: TaskContext,
  disks: DiskOptions,
  user: string,
  options: { readonly passwordFile?: string; readonly ntHashFile?: string; readonly keepLocked: boolean },
): Promise<void> {
  const { passwordFile, ntHashFile, keepLocked } = options;
  await change(context, disks, 'reset_password', [user], {
    keeplocked: keepLocked,
    ...(passwordFile === undefined ? {} : { password: await firstLine(passwordFile) }),
    ...(ntHashFile === undefined ? {} : { nthash: await firstLine(ntHashFile) }),
  });
  if (context.global.json) await printJson(context, { user, dryRun: context.global.dryRun });
}

/** Change when a service starts. */
export async function setServiceTask(
  context: TaskContext,
  disks: DiskOptions,
  name: string,
  start: string,
): Promise<void> {
  await change(context, disks, 'set_service', [name, start], {});
  if (context.global.json) await printJson(context, { service: name, start, dryRun: context.global.dryRun });
}

async function firstLine(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).replace(/\r?\n[\s\S]*$/, '');
  } catch (error) {
    throw new HostError({ path, operation: 'read', reason: messageOf(error) }, error);
  }
}

/** Say from which buses the Windows on a disk boots, and what is missing for the others. */
export async function bootTask(context: TaskContext, disks: DiskOptions): Promise<void> {
  const found = await withGuest(context, disks, {
    async run(guest) {
      await mountGuest(context, guest, disks, true);
      return perform<BootReport>(guest, 'verify_drivers', [], {});
    },
  });
  if (context.global.json) return printJson(context, found);
  const rows = found.buses.flatMap(({ bus, devices }) =>
    devices.map((d) => [
      bus,
      d.device,
      d.problems.length === 0 ? '✓' : '✗',
      d.id,
      d.service ?? '',
      d.start ?? '',
      d.catalog ?? '',
    ]),
  );
  const titles = ['Bus', 'Device', '', 'Id', 'Service', 'Start', 'Catalog'];
  const table = formatTable(
    titles.map((title) => ({ title })),
    rows,
  );
  const problems = found.buses.flatMap(({ bus, devices }) =>
    devices.flatMap((d) => d.problems.map((problem) => `${bus}, ${d.device}: ${problem}\n`)),
  );
  const bootable = found.buses.filter((b) => b.bootable).map((b) => b.bus);
  const verdict = bootable.length === 0 ? 'It boots from none of them.' : `It boots from ${bootable.join(', ')}.`;
  const common = found.problems.map((problem) => `every bus: ${problem}\n`);
  await context.output.write(
    `${found.windows}, ${found.controlSet}\n\n${table}\n${common.join('')}${problems.join('')}${verdict}\n`,
  );
}
