import type { GuestFilesystem, WindowsDrive } from '@vmcraft/core';
import { decodeUtf16, uuidToString } from '@vmcraft/core/binary';
import { GPT_PREFIX, GptUniqueId, MbrUniqueId } from '../layout-mounted-devices.js';
import type { HiveReader } from './hive-reader.js';

const NAME = /^\\DosDevices\\([A-Z]):$/i;
/** Ids of volumes on dynamic disks begin like those of GPT partitions, and are longer. */
const DYNAMIC_PREFIX = GPT_PREFIX;

/** Drive letters of a system, by letter, and the devices of this guest that they stand for. */
export async function readDriveLetters(
  system: HiveReader,
  filesystems: readonly GuestFilesystem[],
): Promise<readonly WindowsDrive[]> {
  const drives: WindowsDrive[] = [];
  for (const { name, raw } of await system.values('MountedDevices')) {
    const letter = NAME.exec(name)?.[1]?.toUpperCase();
    if (letter !== undefined) drives.push(driveOf(letter, raw, filesystems));
  }
  return drives.sort((a, b) => (a.letter < b.letter ? -1 : 1));
}

function driveOf(letter: string, id: Uint8Array, filesystems: readonly GuestFilesystem[]): WindowsDrive {
  if (id.length === MbrUniqueId.size) {
    const { signature, offset } = MbrUniqueId.decode(id);
    const disk = signature.toString(16).padStart(8, '0');
    const at = filesystems.filter(
      (f) => f.place?.guid === undefined && f.place?.diskId === disk && BigInt(f.place.offset) === offset,
    );
    return { letter, kind: 'mbr', identity: `signature ${disk}, offset ${offset}`, ...deviceOf(at) };
  }
  const prefix = String.fromCharCode(...id.subarray(0, GPT_PREFIX.length));
  if (prefix === GPT_PREFIX && id.length === GptUniqueId.size) {
    const { guid } = GptUniqueId.decode(id);
    const partitions = filesystems.filter((f) => f.place?.guid === guid);
    if (partitions.length > 0) return { letter, kind: 'gpt', identity: guid, ...deviceOf(partitions) };
    // Volumes on dynamic disks look the same. Their database has the bytes in the order of the text.
    const ids = [guid, uuidToString(id.subarray(GPT_PREFIX.length))];
    const volumes = filesystems.filter((f) => f.volumeId !== undefined && ids.includes(f.volumeId));
    if (volumes.length > 0) return { letter, kind: 'dynamic', identity: volumes[0]!.volumeId!, ...volumeOf(volumes) };
    const dynamic = filesystems.some((f) => f.type === 'LDM_member' || f.type === 'ldm');
    return dynamic
      ? { letter, kind: 'dynamic', identity: guid, protection: 'dynamic' }
      : { letter, kind: 'gpt', identity: guid };
  }
  if (prefix === DYNAMIC_PREFIX)
    return { letter, kind: 'dynamic', identity: 'volume on dynamic disks', protection: 'dynamic' };
  const text = decodeUtf16(id);
  return text.startsWith('\\??\\') || text.startsWith('\\Device\\')
    ? { letter, kind: 'device', identity: text }
    : { letter, kind: 'unknown', identity: `${id.length} bytes of an unknown kind` };
}

/** A volume whose disks are missing is there, and cannot be read. */
function volumeOf([volume]: readonly GuestFilesystem[]): Pick<WindowsDrive, 'device' | 'protection'> {
  return { device: volume!.mountable, ...(volume!.canMount ? {} : { protection: 'dynamic' as const }) };
}

/** The device, and what keeps it from being read. An unlocked volume wins over the partition that it lies on. */
function deviceOf(candidates: readonly GuestFilesystem[]): Pick<WindowsDrive, 'device' | 'protection'> {
  const found = candidates.find((f) => f.canMount) ?? candidates[0];
  if (found === undefined) return {};
  const protection = found.type === 'BitLocker' ? 'bitlocker' : found.type === 'LDM_member' ? 'dynamic' : undefined;
  return { device: found.mountable, ...(protection === undefined ? {} : { protection }) };
}
