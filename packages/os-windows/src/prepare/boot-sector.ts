import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import type { Session } from '@vmcraft/core/guest';

/** BIOS parameter block: number of heads, two bytes ([MS-FAT] / "NTFS boot sector": the same place in both). */
const HEADS = 0x1a;
const SIGNATURE = 0x1fe;
const SECTOR = 512;

/**
 * Set the number of heads in the boot sector of the mounted Windows volume.
 * @returns the number before, undefined when it is that already
 * @throws CorruptImageError when the volume has no boot sector
 */
export async function setHeads(g: Session, heads: number): Promise<number | undefined> {
  const { source } = g.mounts.list().find(({ path }) => path === '/')!;
  const { device } = g.device(source, 'prepare_boot');
  const sector = (await device.read(0, SECTOR)).slice();
  const view = viewOf(sector);
  if (view.getUint16(SIGNATURE, true) !== 0xaa55) {
    throw new CorruptImageError({ structure: 'boot sector', offset: SIGNATURE, reason: 'no signature' });
  }
  const before = view.getUint16(HEADS, true);
  if (before === heads) return undefined;
  view.setUint16(HEADS, heads, true);
  await device.write(0, sector);
  return before;
}
