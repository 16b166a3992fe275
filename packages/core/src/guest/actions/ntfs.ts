import {
  CapabilityError,
  CorruptImageError,
  FsError,
  isVmcraftError,
  UnsupportedFeatureError,
} from '../../errors/index.js';
import { arg, Bool, Device, defineAction, FileOut, Int64, Mountable } from '../action.js';
import type { FileTarget } from '../argument.js';
import { signatureOf } from '../block-facts.js';
import { pourInto } from '../host-bytes.js';
import type { Session } from '../session.js';

/** Bytes that are read at once. */
const CHUNK = 1024 * 1024;

/** Exit codes of ntfs-3g.probe(8). */
const Probe = { mountable: 0, readOnlyDevice: 11, notNtfs: 12, inconsistent: 13, hibernated: 14, other: 21 } as const;

/** Whether an NTFS volume could be mounted, in the words of ntfs-3g.probe(8). */
async function probe(g: Session, rw: boolean, name: string): Promise<number> {
  if ((await signatureOf(g, name))?.type !== 'ntfs') return Probe.notNtfs;
  if (rw && !g.device(name, 'ntfs_3g_probe').device.writable) return Probe.readOnlyDevice;
  try {
    return await g.withFilesystem(name, !rw, async (fs) => (rw && fs.readonly ? Probe.hibernated : Probe.mountable));
  } catch (error) {
    if (!isVmcraftError(error)) throw error;
    if (error instanceof CapabilityError) return Probe.readOnlyDevice;
    if (error instanceof CorruptImageError || error instanceof UnsupportedFeatureError) return Probe.inconsistent;
    return Probe.other;
  }
}

/** Send the data of a file to the host, by the number of its record. */
async function catInode(g: Session, mountable: string, ino: number, target: FileTarget): Promise<void> {
  const details = { operation: 'ntfscat_i', path: mountable };
  if ((await signatureOf(g, mountable))?.type !== 'ntfs')
    throw new FsError('EINVAL', { ...details, reason: 'no NTFS' });
  if (ino < 0) throw new FsError('EINVAL', { ...details, reason: 'the number of a record is not negative' });
  await g.withFilesystem(mountable, true, async (fs) => {
    const node = await fs.nodeOf?.(ino);
    if (node === undefined) throw new CapabilityError({ capability: 'files by number', subject: mountable });
    const { size } = await fs.stat(node);
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < size; ) {
        const chunk = await fs.read(node, at, Math.min(CHUNK, size - at), { bulk: true, signal: g.signal });
        if (chunk.length === 0) throw new FsError('EIO', { ...details, reason: 'ended early' });
        at += chunk.length;
        yield chunk;
      }
    };
    await pourInto(g, target, bytes(), 'ntfscat_i', size);
  });
}

/** Functions that only NTFS has. */
export const ntfsActions = [
  defineAction({
    name: 'ntfs_3g_probe',
    theme: 'ntfs',
    group: 'ntfs3g',
    args: [arg('rw', Bool), arg('device', Device)],
    returns: 'RInt',
    doc: 'Whether an NTFS volume can be mounted (with `rw`, for writing): 0, or the exit code of ntfs-3g.probe(8) that says why not: 11 the device is read-only, 12 no NTFS, 13 damaged, 14 Windows is hibernated on it.',
    run: probe,
  }),
  defineAction({
    name: 'ntfscat_i',
    theme: 'ntfs',
    args: [arg('device', Mountable), arg('inode', Int64), arg('filename', FileOut)],
    returns: 'void',
    doc: 'Copy the data of a file of an NTFS volume to a file of the host, by the number of its record: also of `$MFT` (0) and the other files of the system, as they lie on the disk.',
    run: catInode,
  }),
] as const;
