import { isZero } from '../binary/index.js';
import { throwIfAborted } from '../block/index.js';
import { type BlockDevice, type FileSystem, hasSparseMap, isDiscardable, supports } from '../contracts/index.js';
import { FsError } from '../errors/index.js';
import type { Session } from './session.js';

/** Bytes read at once where zeros are looked for. */
const RUN = 1 << 20;

/** Make a range read as zeros: by giving it up where the device can, else by writing where there is something else. */
export async function zeroRange(g: Session, device: BlockDevice, offset: number, length: number): Promise<void> {
  const { signal } = g;
  if (isDiscardable(device)) {
    await device.discard(offset, length, { signal });
    return;
  }
  const zeros = new Uint8Array(Math.min(RUN, length));
  for (let done = 0; done < length; done += RUN) {
    throwIfAborted(signal, 'zero');
    const run = Math.min(RUN, length - done);
    const there = await device.read(offset + done, run, { bulk: true });
    if (!isZero(there)) await device.write(offset + done, zeros.subarray(0, run), { bulk: true });
  }
}

/** Whether a whole device reads as zeros. What it knows to be empty is not read. */
export async function isAllZero(g: Session, device: BlockDevice): Promise<boolean> {
  const { signal } = g;
  const runs = hasSparseMap(device)
    ? device.extents(0, device.size)
    : [{ offset: 0, length: device.size, kind: 'data' as const }];
  for await (const { offset, length, kind } of runs) {
    if (kind !== 'data') continue;
    for (let at = offset; at < offset + length; at += RUN) {
      throwIfAborted(signal, 'is_zero_device');
      const chunk = await device.read(at, Math.min(RUN, offset + length - at), { bulk: true, signal });
      if (!isZero(chunk)) return false;
    }
  }
  return true;
}

/** Which free runs are meant; bytes. */
export interface FreeSpaceWindow {
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
  /** Shorter runs are left alone. */
  readonly minimum?: number | undefined;
}

/**
 * Do something with each free run of a file system.
 * @returns bytes in the runs
 * @throws FsError ENOTSUP when it cannot tell what is free
 */
export async function forFreeRuns(
  g: Session,
  fs: FileSystem,
  action: string,
  window: FreeSpaceWindow,
  work: (offset: number, length: number) => Promise<void>,
): Promise<number> {
  if (!supports(fs, 'trim')) {
    throw new FsError('ENOTSUP', { operation: action, reason: `${fs.identity.type} does not tell its free space` });
  }
  const first = window.offset ?? 0;
  const last = first + (window.length ?? Number.POSITIVE_INFINITY);
  const { signal } = g;
  const { size } = fs.device;
  let total = 0;
  for await (const run of fs.freeExtents()) {
    throwIfAborted(signal, action);
    const start = Math.max(run.offset, first);
    const end = Math.min(run.offset + run.length, last, size);
    if (end <= start || end - start < (window.minimum ?? 0)) continue;
    await work(start, end - start);
    total += end - start;
    g.events.emit('progress', { phase: action, done: end, total: size, unit: 'bytes' });
  }
  return total;
}
