import { equalBytes, viewOf } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';

const SECTOR = 512;
/** Fields of the BIOS parameter block, alike in NTFS and FAT. Microsoft FAT Specification 1.03, section 3.1. */
const BYTES_PER_SECTOR = 0x0b;
const HEADS = 0x1a;
const SIGNATURE = 0x1fe;
/** Sectors of an NTFS volume; its backup lies behind them. Linux-NTFS documentation, "$Boot". */
const NTFS_TOTAL_SECTORS = 0x28;
/** Sector of the backup, in the extended block of FAT32. Microsoft FAT Specification 1.03, section 3.3. */
const FAT32_BACKUP = 0x32;

/**
 * Set the number of heads in the boot sector of the mounted system volume, and in its backup.
 * @returns what it was before, undefined when it was so already
 * @throws CorruptImageError when there is no boot sector
 */
export async function setHeads(g: Session, heads: number): Promise<number | undefined> {
  const { source } = g.mounts.list().find(({ path }) => path === '/')!;
  const { device } = g.device(source, 'prepare_boot');
  const old = (await device.read(0, SECTOR)).slice();
  const sector = old.slice();
  const view = viewOf(sector);
  if (view.getUint16(SIGNATURE, true) !== 0xaa55) {
    throw new CorruptImageError({ structure: 'boot sector', offset: SIGNATURE, reason: 'no signature' });
  }
  const before = view.getUint16(HEADS, true);
  if (before === heads) return undefined;
  view.setUint16(HEADS, heads, true);
  const backup = backupOffset(view);
  const hasBackup = await isCopy(device, backup, old);
  await device.write(0, sector);
  if (hasBackup) await device.write(backup!, sector);
  return before;
}

/** Where the copy of a boot sector is to lie, bytes; undefined where there is none. */
function backupOffset(view: DataView): number | undefined {
  const text = (at: number, length: number): string =>
    String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + at, length));
  const size = view.getUint16(BYTES_PER_SECTOR, true);
  if (text(3, 4) === 'NTFS') return Number(view.getBigUint64(NTFS_TOTAL_SECTORS, true)) * size;
  return text(82, 5) === 'FAT32' ? view.getUint16(FAT32_BACKUP, true) * size : undefined;
}

/** Whether the same sector lies there: what is something else is left alone. */
async function isCopy(device: BlockDevice, offset: number | undefined, sector: Uint8Array): Promise<boolean> {
  if (offset === undefined || offset < SECTOR || offset + SECTOR > device.size) return false;
  return equalBytes(await device.read(offset, SECTOR), sector);
}
