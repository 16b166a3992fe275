import { UsageError } from '@vmcraft/core/errors';
import { attach } from '@vmcraft/fs-host';
import type { OpenedGuest } from '../shell/guest.js';
import { type DiskOptions, note, printJson, type TaskContext } from './task-context.js';
import { untilSignal } from './until-signal.js';
import { withGuest } from './with-guest.js';

/** Options of `attach`. */
export interface AttachTaskOptions extends DiskOptions {
  readonly rw?: boolean;
}

/** Make a device of the guest a block device of this host until a signal ends it. What was written is committed then. */
export async function attachTask(context: TaskContext, options: AttachTaskOptions, [name]: string[]): Promise<void> {
  const isWriting = options.rw === true;
  await withGuest(context, options, {
    writes: isWriting,
    endsOnSignals: true,
    async run(guest) {
      const device = await finishedVolume(guest, name ?? '', isWriting);
      const over = untilSignal();
      await using attached = await attach(device, { readonly: !isWriting });
      if (context.global.json) await printJson(context, { device: attached.path, rw: !attached.readonly });
      else await context.output.write(`${attached.path}\n`);
      await over;
      await attached.close();
      await note(context, `${attached.path} is detached`);
    },
  });
}

/** The host would scan partitions, and activate volume groups and arrays, so it gets nothing that has other devices in it. */
async function finishedVolume({ session }: OpenedGuest, name: string, isWriting: boolean) {
  const found = session.device(name);
  const [inner] = session.storage.childrenOf(found.name);
  if (inner !== undefined) {
    const reason = `it holds ${inner.name}, and this host would look into it; name the device to attach`;
    throw new UsageError(`attach: ${found.name}: ${reason}`, { argument: 'DEVICE' });
  }
  return isWriting ? session.exclusiveDevice(name, 'attach') : found.device;
}
