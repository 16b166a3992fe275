import { toJsonValue } from '../output/json-value.js';
import { MemoryOutput } from '../output/output.js';
import { call } from '../shell/guest.js';
import { type DiskOptions, printJson, type TaskContext } from './task-context.js';
import { mountGuest, withGuest } from './with-guest.js';

/** Print files of the guest. As JSON, each file is held in memory. */
export async function catTask(context: TaskContext, disks: DiskOptions, paths: readonly string[]): Promise<void> {
  await withGuest(context, disks, {
    async run(guest) {
      await mountGuest(context, guest, disks, true);
      if (!context.global.json) {
        for (const path of paths) {
          const write = (chunk: Uint8Array): Promise<void> => context.output.write(chunk);
          await call(guest, 'download', path, { isTransient: true, write });
        }
        return;
      }
      const files: unknown[] = [];
      for (const path of paths) {
        const content = new MemoryOutput();
        await call(guest, 'download', path, { write: (chunk: Uint8Array) => content.write(chunk) });
        files.push({ path, content: toJsonValue(content.bytes()) });
      }
      await printJson(context, { files });
    },
  });
}
