import { viewOf } from '@vmcraft/core/binary';
import { CorruptImageError } from '@vmcraft/core/errors';
import { SECTOR } from './layout.js';
import type { MdDevice, Span } from './superblock.js';

/** Linux Documentation/driver-api/md: 54 bits of sector, 10 of length; all ones end the log. */
const END = 0xffff_ffff_ffff_ffffn;
/** Bytes that a log may take. */
const MAX_LOG = 1 << 20;

/**
 * Ranges of a member's data that md could not read or write: what lies there is not the array's.
 * @throws CorruptImageError when the log lies outside the device
 */
export async function readBadBlocks({ device, superblock }: MdDevice): Promise<readonly Span[]> {
  const log = superblock.badBlockLog;
  if (log === undefined) return [];
  if (log.offset < 0 || log.offset + log.length > device.size || log.length > MAX_LOG || log.shift > 32) {
    const reason = `the log of bad blocks (${log.length} bytes at ${log.offset}) does not lie on the device`;
    throw new CorruptImageError({ structure: 'mdp_superblock_1', field: 'bblog_offset', reason });
  }
  const view = viewOf(await device.read(log.offset, log.length));
  const scale = SECTOR * 2 ** log.shift;
  const spans: Span[] = [];
  for (let at = 0; at + 8 <= view.byteLength; at += 8) {
    const entry = view.getBigUint64(at, true);
    if (entry === END || entry === 0n) break;
    const offset = Number(entry >> 10n) * scale - superblock.dataOffset;
    spans.push({ offset, length: Number(entry & 0x3ffn) * scale });
  }
  return spans;
}
