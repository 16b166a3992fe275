import { AbortedError, FsError } from '../errors/index.js';
import type { FileSource, FileTarget } from './argument.js';
import { changeDevice, settle } from './device-changes.js';
import { openForWrite, requireNotNegative, WRITE_CHUNK, writeStream } from './file-content.js';
import { bytesFrom, pourInto } from './host-bytes.js';
import type { Session } from './session.js';

const isDevice = (name: string): boolean => name.startsWith('/dev/');

/** Bytes of a device from `start` up to `end`, in large chunks. */
async function* deviceBytes(g: Session, name: string, start: number, end: number): AsyncGenerator<Uint8Array> {
  const { device } = g.device(name);
  for (let at = start; at < end; ) {
    const chunk = await device.read(at, Math.min(WRITE_CHUNK, end - at), { bulk: true, signal: g.signal });
    if (chunk.length === 0) return;
    at += chunk.length;
    yield chunk;
  }
}

/** What can be read from a device or a file of the guest. */
export interface GuestSource {
  /** Bytes. */
  readonly size: number;
  /** With `reuse` a chunk is only good until the next one is asked for. */
  stream(start?: number, end?: number, options?: { readonly reuse?: boolean }): AsyncGenerator<Uint8Array>;
}

/** Open a device or a file for reading from front to back. @throws FsError ENOENT, EISDIR, ENOTSUP */
export async function openGuestSource(g: Session, name: string, action: string): Promise<GuestSource> {
  if (!isDevice(name)) {
    const file = await g.vfs.open(name, action, { signal: g.signal });
    return { size: file.stat.size, stream: file.stream };
  }
  await settle(g);
  const { size } = g.device(name, action).device;
  return { size, stream: (start = 0, end = size) => deviceBytes(g, name, start, Math.min(end, size)) };
}

/** Send a file or device to the host, or `size` bytes of it from `offset` on. @throws FsError EINVAL when those are not all there */
export async function download(
  g: Session,
  name: string,
  target: FileTarget,
  action: string,
  range?: { readonly offset: number; readonly size: number },
): Promise<void> {
  if (range !== undefined) {
    requireNotNegative(range.offset, 'offset', action, name);
    requireNotNegative(range.size, 'size', action, name);
  }
  const source = await openGuestSource(g, name, action);
  const { offset, size } = range ?? { offset: 0, size: source.size };
  if (offset + size > source.size) {
    const reason = `${size} bytes from ${offset} on are not within its ${source.size} bytes`;
    throw new FsError('EINVAL', { operation: action, path: name, reason });
  }
  const reuse = typeof target === 'string' || target.isTransient === true;
  const bytes = source.stream(offset, offset + size, { reuse });
  await pourInto(g, target, exactly(bytes, size, name, action), action, size);
}

/** A download is either whole or fails. */
async function* exactly(
  bytes: AsyncIterable<Uint8Array>,
  size: number,
  name: string,
  action: string,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of bytes) {
    done += chunk.length;
    yield chunk;
  }
  if (done !== size) throw new FsError('EIO', { operation: action, path: name, reason: 'ended early' });
}

/**
 * Write bytes of the host to a file or device. A file is made where it is missing; without `offset` it is replaced.
 * @throws FsError ENOSPC when they do not fit on the device, EBUSY when it is in use
 */
export async function upload(
  g: Session,
  source: FileSource,
  name: string,
  action: string,
  offset?: number,
): Promise<void> {
  if (offset !== undefined) requireNotNegative(offset, 'offset', action, name);
  if (isDevice(name)) return uploadToDevice(g, source, name, action, offset ?? 0);
  const file = await openForWrite(g, name, action, offset === undefined);
  await writeStream(g, file, offset ?? 0, bytesFrom(g, source, { reuse: true }), action);
}

async function uploadToDevice(
  g: Session,
  source: FileSource,
  name: string,
  action: string,
  offset: number,
): Promise<void> {
  const { signal } = g;
  await changeDevice(g, name, action, async (device) => {
    let at = offset;
    for await (const chunk of bytesFrom(g, source, { reuse: true })) {
      if (signal.aborted) throw new AbortedError(action, signal.reason);
      if (at + chunk.length > device.size) {
        const reason = `more than its ${device.size} bytes`;
        throw new FsError('ENOSPC', { operation: action, path: name, reason });
      }
      await device.write(at, chunk, { bulk: true });
      at += chunk.length;
      g.events.emit('progress', { phase: action, done: at - offset, unit: 'bytes' });
    }
  });
}
