import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { RecordHead, SPECIFICATION, TOC_SECTORS, TocBlock, VblkHead, Vmdb } from './layout.js';
import type { PrivateHeader } from './private-header.js';
import { type Records, readRecord } from './records.js';

/** The database of a disk group, as one of its disks has it. */
export interface Database extends Records {
  readonly sequence: bigint;
}

/** A record has no more pieces than this; Windows makes two or three. */
const MAX_PIECES = 64;

/** @throws CorruptImageError, UnsupportedFeatureError */
export async function readDatabase(device: BlockDevice, header: PrivateHeader): Promise<Database> {
  const config = await device.read(header.configStart, header.configSize);
  const start = findVmdb(config, device.sectorSize);
  const vmdb = Vmdb.decode(config, start, header.configStart);
  if (vmdb.magic !== 'VMDB') throw broken('VMDB', 'magic', 'VMDB', JSON.stringify(vmdb.magic));
  if (vmdb.major !== 4) {
    throw new UnsupportedFeatureError({
      feature: `version ${vmdb.major} of the LDM database`,
      citation: SPECIFICATION,
    });
  }
  if (vmdb.updateStatus !== 1) {
    const workaround = 'let Windows finish it';
    throw new UnsupportedFeatureError({ feature: 'a change of the LDM database that is not finished', workaround });
  }
  const { vblkSize } = vmdb;
  if (vblkSize <= VblkHead.size + RecordHead.size || vblkSize > 65_536) throw broken('VMDB', 'vblkSize', 128, vblkSize);
  const groupName = vmdb.groupName.replace(/\0.*$/su, '');
  const records: Records = { volumes: [], components: [], partitions: [], disks: [], groupName };
  for (const record of joinPieces(config.subarray(start + vmdb.vblkOffset), vblkSize)) readRecord(record, records);
  for (const kind of ['volumes', 'components', 'partitions', 'disks'] as const) {
    if (records[kind].length !== vmdb[kind]) throw broken('VMDB', kind, vmdb[kind], records[kind].length);
  }
  return { ...records, sequence: vmdb.committedSequence };
}

/** Where the database begins within the configuration. */
function findVmdb(config: Uint8Array, sectorSize: number): number {
  for (const sector of TOC_SECTORS) {
    const at = sector * sectorSize;
    if (at + TocBlock.size > config.length) continue;
    const toc = TocBlock.decode(config, at);
    if (toc.magic !== 'TOCBLOCK') continue;
    const entry = [toc.first, toc.second].find((e) => e.name.startsWith('config'));
    if (entry === undefined) throw broken('TOCBLOCK', 'bitmap', 'config', 'none');
    return toSafeInteger(entry.start * BigInt(sectorSize), 'TOCBLOCK start');
  }
  throw broken('TOCBLOCK', 'magic', 'TOCBLOCK', 'none');
}

/** Whole records, those of several pieces put together. @throws CorruptImageError when pieces are missing */
function joinPieces(data: Uint8Array, size: number): Uint8Array[] {
  const records: Uint8Array[] = [];
  const open = new Map<number, (Uint8Array | undefined)[]>();
  for (let at = 0; at + size <= data.length; at += size) {
    const head = VblkHead.decode(data, at);
    if (head.magic !== 'VBLK') break;
    const body = data.subarray(at + VblkHead.size, at + size);
    if (head.index >= Math.max(1, head.count) || head.count > MAX_PIECES) {
      throw broken('VBLK', 'entry', `below ${head.count}`, head.index);
    }
    if (head.count <= 1) {
      records.push(body);
      continue;
    }
    const pieces = open.get(head.recordId) ?? new Array<Uint8Array | undefined>(head.count).fill(undefined);
    if (pieces.length !== head.count || pieces[head.index] !== undefined) {
      throw broken('VBLK', 'entries', pieces.length, head.count);
    }
    pieces[head.index] = body;
    open.set(head.recordId, pieces);
  }
  for (const [id, pieces] of open) {
    if (pieces.includes(undefined)) throw broken('VBLK', `record ${id}`, `${pieces.length} pieces`, 'fewer');
    records.push(concat(pieces as Uint8Array[]));
  }
  return records;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function broken(structure: string, field: string, expected: unknown, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure, field, expected, found, citation: SPECIFICATION });
}
