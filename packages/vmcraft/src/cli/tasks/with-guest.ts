import { messageOf, UsageError } from '@vmcraft/core/errors';
import { parseDriveOption } from '../options/drive-option.js';
import { readKey } from '../options/key-selector.js';
import { parseMountOption } from '../options/mount-option.js';
import { call, callWith, type OpenedGuest } from '../shell/guest.js';
import { StdinKeyReader, TerminalKeyReader } from '../shell/key-reader.js';
import { chooseRoot, NoOperatingSystemError } from '../shell/open-guest.js';
import { rollBackOnSignals, type Undoable } from '../signals.js';
import { type DiskOptions, note, type TaskContext, taskProgress } from './task-context.js';

/** What a task does with its guest. */
export interface TaskWork<T> {
  /** The task changes the guest: drives are opened for writing, and committed at the end. */
  readonly writes?: boolean;
  /** Signals end the work in its own way, instead of dropping it. */
  readonly endsOnSignals?: boolean;
  run(guest: OpenedGuest): Promise<T>;
}

/** A guest that can be undone until it is closed. */
class TaskGuard implements Undoable {
  finishing = false;
  constructor(private readonly guest: OpenedGuest) {}

  async rollback(): Promise<void> {
    this.guest.cancel();
    await this.guest.rollback();
  }
}

/**
 * Open the disks of a task, do its work, and commit what it wrote: unless it failed, or this is a dry run.
 * @throws what opening or the work throws, with nothing changed
 */
export async function withGuest<T>(context: TaskContext, disks: DiskOptions, work: TaskWork<T>): Promise<T> {
  const { backend, dryRun, force } = context.global;
  if (disks.add.length === 0) {
    throw new UsageError('no disk was named', { hint: 'for example: vmcraft inspect disk.qcow2' });
  }
  const guest = await context.factory({ dryRun, force, ...(backend === undefined ? {} : { backend }) });
  const guard = new TaskGuard(guest);
  const release = work.endsOnSignals === true ? () => {} : rollBackOnSignals(guard, { ignoresInterrupt: false });
  const progress = taskProgress(context);
  listen(context, guest, (update) => progress?.update(update));
  try {
    await open(guest, disks, { readonly: work.writes !== true, force });
    const result = await work.run(guest);
    if (dryRun && work.writes === true) {
      await note(
        context,
        guest.dirty ? 'dry run: the changes were not written' : 'dry run: there was nothing to write',
      );
    }
    progress?.clear();
    guard.finishing = true;
    await guest.close();
    return result;
  } catch (error) {
    progress?.clear();
    guard.finishing = false;
    await guest.rollback().catch(() => {});
    throw error;
  } finally {
    release();
  }
}

function listen(context: TaskContext, guest: OpenedGuest, update: Parameters<typeof guest.on<'progress'>>[1]): void {
  guest.on('progress', update);
  guest.on('warning', ({ source, message }) => void note(context, `warning: ${source}: ${message}`));
  if (context.global.verbose) guest.on('library', (text) => void note(context, text));
}

async function open(guest: OpenedGuest, disks: DiskOptions, how: { readonly: boolean; force: boolean }): Promise<void> {
  await addKeys(guest, disks);
  for (const text of disks.add) {
    const { filename, options } = parseDriveOption(text, {
      readonly: how.readonly,
      ...(disks.imageFormat === undefined ? {} : { format: disks.imageFormat }),
    });
    await callWith(guest, 'add_drive', [filename], how.force ? { ...options, force: true } : { ...options });
  }
  await call(guest, 'launch');
}

async function addKeys(guest: OpenedGuest, disks: DiskOptions): Promise<void> {
  for (const selector of disks.key) {
    guest.addKey(await readKey(selector), selector.id === 'all' ? undefined : selector.id);
  }
  if (disks.keysFromStdin === true) guest.addKey(await new StdinKeyReader().read('key'), undefined);
  else if (process.stdin.isTTY) {
    const terminal = new TerminalKeyReader({ echo: false });
    guest.session.keys.prompt = ([device = 'key']) => terminal.read(device);
  }
}

/**
 * Mount what the options say, or the operating system, or the only file system there is.
 * @throws NoOperatingSystemError when it is not clear what to mount
 */
export async function mountGuest(
  context: TaskContext,
  guest: OpenedGuest,
  disks: DiskOptions,
  readonly: boolean,
): Promise<void> {
  if (disks.mount.length > 0) {
    for (const text of disks.mount) {
      const { device, mountpoint, options = '', fstype } = parseMountOption(text);
      const flags = [readonly ? 'ro' : '', options].filter((part) => part !== '').join(',');
      if (fstype === undefined) await call(guest, 'mount_options', flags, device, mountpoint);
      else await call(guest, 'mount_vfs', flags, fstype, device, mountpoint);
    }
    return;
  }
  const inspection = await guest.session.inspect();
  const roots = inspection.systems.map((os) => os.root);
  const lone = inspection.filesystems.filter((fs) => fs.canMount);
  if (roots.length === 0 && lone.length === 1) {
    await call(guest, readonly ? 'mount_ro' : 'mount', lone[0]!.mountable, '/');
    return;
  }
  if (roots.length === 0 && lone.length > 1) {
    const names = lone.map((fs) => `${fs.mountable} (${fs.type})`).join(', ');
    throw new NoOperatingSystemError(`choose one of its file systems with -m: ${names}`);
  }
  const root = chooseRoot(roots, disks.root);
  for (const { path, mountable } of inspection.find(root)!.mountPoints) {
    try {
      await call(guest, readonly ? 'mount_ro' : 'mount', mountable, path);
    } catch (error) {
      if (path === '/') throw error;
      await note(context, `warning: ${path} is not mounted: ${messageOf(error)}`);
    }
  }
}
