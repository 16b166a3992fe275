import { call } from '../shell/guest.js';
import { type DiskOptions, note, printJson, type TaskContext } from './task-context.js';
import { mountGuest, withGuest } from './with-guest.js';

/** Copy files and folders of the host into a directory of the guest. */
export async function copyInTask(
  context: TaskContext,
  disks: DiskOptions,
  locals: readonly string[],
  directory: string,
): Promise<void> {
  await withGuest(context, disks, {
    writes: true,
    async run(guest) {
      await mountGuest(context, guest, disks, false);
      for (const local of locals) await call(guest, 'copy_in', local, directory);
    },
  });
  if (context.global.json) await printJson(context, { copied: locals, to: directory, dryRun: context.global.dryRun });
}

/** Copy files and directories of the guest into a folder of the host. */
export async function copyOutTask(
  context: TaskContext,
  disks: DiskOptions,
  paths: readonly string[],
  folder: string,
): Promise<void> {
  const { dryRun } = context.global;
  await withGuest(context, disks, {
    async run(guest) {
      await mountGuest(context, guest, disks, true);
      for (const path of paths) {
        if (dryRun)
          await note(context, `dry run: would copy ${await guest.session.vfs.realpath(path, 'copy-out')} to ${folder}`);
        else await call(guest, 'copy_out', path, folder);
      }
    },
  });
  if (context.global.json) await printJson(context, { copied: paths, to: folder, dryRun });
}
