import { isZero } from '../binary/index.js';
import { AbortedError, FsError, UsageError } from '../errors/index.js';
import { openForWrite, requireNotNegative, WRITE_CHUNK } from './file-content.js';
import type { Session } from './session.js';

/** Options of the four guestfs `copy_…_to_…` functions. Offsets and sizes are bytes. */
export interface CopyBytesOptions {
  readonly srcoffset?: number | undefined;
  readonly destoffset?: number | undefined;
  readonly size?: number | undefined;
  /** Leave out runs of zeros: the destination must be zeros already. */
  readonly sparse?: boolean | undefined;
  readonly append?: boolean | undefined;
}

interface Source {
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

interface Target {
  /** Where appended bytes go. */
  readonly end: number;
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Make room up to `size` where nothing was written at the end. */
  extend(size: number): Promise<void>;
}

/** Unit in which zeros are looked for, bytes. */
const SPARSE_UNIT = 64 * 1024;

/** Copy bytes between files and devices of the guest; names that start with `/dev/` are devices. */
export async function copyBytes(
  g: Session,
  src: string,
  dest: string,
  options: CopyBytesOptions,
  action: string,
): Promise<void> {
  const { srcoffset = 0, destoffset = 0, size } = options;
  requireNotNegative(srcoffset, 'srcoffset', action, src);
  requireNotNegative(destoffset, 'destoffset', action, dest);
  if (size !== undefined) requireNotNegative(size, 'size', action, src);
  const { signal } = g;
  const source = await openSource(g, src, action);
  const target = await openTarget(g, dest, options.append === true, action);
  const total = size ?? Math.max(0, source.size - srcoffset);
  if (srcoffset + total > source.size)
    throw new FsError('EINVAL', { operation: action, path: src, reason: 'input is too short' });
  const start = options.append === true ? target.end : destoffset;
  for (let done = 0; done < total; ) {
    if (signal.aborted) throw new AbortedError(action, signal.reason);
    const chunk = await source.read(srcoffset + done, Math.min(WRITE_CHUNK, total - done));
    if (chunk.length === 0) throw new FsError('EIO', { operation: action, path: src, reason: 'input ended early' });
    if (options.sparse === true) await writeSparsely(target, start + done, chunk);
    else await target.write(start + done, chunk);
    done += chunk.length;
    g.events.emit('progress', { phase: action, done, total, unit: 'bytes' });
  }
  await target.extend(start + total);
}

async function writeSparsely(target: Target, offset: number, chunk: Uint8Array): Promise<void> {
  for (let at = 0; at < chunk.length; at += SPARSE_UNIT) {
    const part = chunk.subarray(at, at + SPARSE_UNIT);
    if (!isZero(part)) await target.write(offset + at, part);
  }
}

async function openSource(g: Session, name: string, action: string): Promise<Source> {
  if (name.startsWith('/dev/')) {
    const { device } = g.device(name, action);
    return { size: device.size, read: (offset, length) => device.read(offset, length, { bulk: true }) };
  }
  const file = await g.vfs.open(name, action, { bulk: true, signal: g.signal });
  return { size: file.stat.size, read: file.read };
}

async function openTarget(g: Session, name: string, append: boolean, action: string): Promise<Target> {
  if (name.startsWith('/dev/')) {
    if (append) throw new UsageError('the append flag cannot be set for a device', { argument: 'append' });
    const device = await g.exclusiveDevice(name, action);
    return {
      end: 0,
      write: (offset, data) => device.write(offset, data, { bulk: true }),
      extend: async () => undefined,
    };
  }
  const file = await openForWrite(g, name, action, !append);
  return {
    end: file.size,
    write: file.write,
    extend: async (size) => {
      const now = await g.vfs.statAt(file.location);
      if (now.size < size) await file.truncate(size);
    },
  };
}
