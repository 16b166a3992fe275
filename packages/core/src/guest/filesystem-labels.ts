import { type FileSystem, type LabelFs, supports } from '../contracts/index.js';
import { CapabilityError, FsError } from '../errors/index.js';
import { parseMountable } from './mountable.js';
import type { Session } from './session.js';

/** Serial numbers of FAT and exFAT. */
const SERIAL = /^[0-9A-F]{4}-[0-9A-F]{4}$/i;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

/** Work on the label of a file system, mounted or not; what is found by it afterwards is the new one. */
async function relabel(
  g: Session,
  mountable: string,
  action: string,
  work: (fs: FileSystem & LabelFs) => Promise<void>,
): Promise<void> {
  const { device: name } = parseMountable(mountable);
  if (!g.device(name, action).device.writable) throw CapabilityError.readOnly(name);
  await g.withFilesystem(mountable, false, async (fs) => {
    if (!supports(fs, 'label')) {
      const reason = `${fs.identity.type} cannot be given another`;
      throw new FsError('ENOTSUP', { operation: action, path: name, reason });
    }
    await work(fs);
    if (supports(fs, 'write')) await fs.sync();
  });
  g.opened.inspection = undefined;
  await g.storage.rescan(name);
}

/** @throws FsError EINVAL for a label that the type cannot have, ENOTSUP; NoProviderError when it is no file system */
export function setLabel(g: Session, mountable: string, label: string, action: string): Promise<void> {
  return relabel(g, mountable, action, (fs) => fs.setLabel(label));
}

/**
 * Set the UUID of a file system.
 * @param wanted as the type has it; `random` or `time` for a new one; `clear` for none, as tune2fs(8)
 */
export function setUuid(g: Session, mountable: string, wanted: string, action: string): Promise<void> {
  return relabel(g, mountable, action, async (fs) => {
    const isSerial = SERIAL.test(fs.identity.uuid ?? '');
    await fs.setUuid(resolveUuid(g, wanted, isSerial));
  });
}

function resolveUuid(g: Session, wanted: string, isSerial: boolean): string {
  if (wanted === 'clear') return isSerial ? '0000-0000' : NO_UUID;
  if (wanted !== 'random' && wanted !== 'time') return wanted;
  if (!isSerial) return globalThis.crypto.randomUUID();
  const digits = [...g.platform.randomBytes(4)].map((b) => b.toString(16).padStart(2, '0').toUpperCase()).join('');
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}
