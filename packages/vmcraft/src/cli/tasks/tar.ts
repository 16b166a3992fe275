import { callWith } from '../shell/guest.js';
import { type DiskOptions, note, printJson, type TaskContext } from './task-context.js';
import { mountGuest, withGuest } from './with-guest.js';

/** Options of `tar-in` and `tar-out`. */
export interface TarOptions extends DiskOptions {
  /** As guestfs `tar_in`: gzip, xz, bzip2, zstd … */
  readonly compress?: string;
}

const BY_ENDING: Readonly<Record<string, string>> = {
  gz: 'gzip',
  tgz: 'gzip',
  xz: 'xz',
  txz: 'xz',
  bz2: 'bzip2',
  tbz2: 'bzip2',
  zst: 'zstd',
};

/** The compression that a file name's ending tells, where none was named. */
function compression(options: TarOptions, file: string): Record<string, unknown> {
  const type = options.compress ?? BY_ENDING[/\.([a-z0-9]+)$/i.exec(file)?.[1]?.toLowerCase() ?? ''];
  return type === undefined ? {} : { compress: type };
}

/** Unpack a tar archive of the host (`-`: standard input) into a directory of the guest. */
export async function tarInTask(
  context: TaskContext,
  options: TarOptions,
  archive: string,
  directory: string,
): Promise<void> {
  await withGuest(context, options, {
    writes: true,
    async run(guest) {
      await mountGuest(context, guest, options, false);
      const source = archive === '-' ? process.stdin : archive;
      await callWith(guest, 'tar_in', [source, directory], compression(options, archive));
    },
  });
  if (context.global.json)
    await printJson(context, { unpacked: archive, to: directory, dryRun: context.global.dryRun });
}

/** Pack a directory of the guest into a tar archive on the host (`-`: standard output). */
export async function tarOutTask(
  context: TaskContext,
  options: TarOptions,
  directory: string,
  archive: string,
): Promise<void> {
  const { dryRun, json } = context.global;
  await withGuest(context, options, {
    async run(guest) {
      await mountGuest(context, guest, options, true);
      if (dryRun) {
        const path = await guest.session.vfs.realpath(directory, 'tar-out');
        return note(context, `dry run: would pack ${path} into ${archive}`);
      }
      const target = archive === '-' ? { write: (chunk: Uint8Array) => context.output.write(chunk) } : archive;
      await callWith(guest, 'tar_out', [directory, target], compression(options, archive));
    },
  });
  if (json && archive !== '-') await printJson(context, { packed: directory, to: archive, dryRun });
}
