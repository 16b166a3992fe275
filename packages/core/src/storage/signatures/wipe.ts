import type { BlockDevice } from '../../contracts/index.js';
import { CapabilityError, CorruptImageError } from '../../errors/index.js';
import { readPartitionTable } from '../../partition/index.js';
import { type ProbeOptions, probeSignatures } from './probe.js';

/** A file system has a few marks and a RAID member a few copies; ZFS has most, 128 in each of four labels. */
const MAX_ROUNDS = 1024;
const SECTOR_SIZES = [512, 4096] as const;
/** Bytes of "EFI PART", and of the mark at the end of a boot sector. */
const GPT_MARK = 8;
const BOOT_MARK = { at: 510, length: 2 } as const;
/** Labels of Sun, Apple, BSD, Amiga and others lie here. */
const OTHER_LABELS = 16 * 512;

/**
 * Erase the magic numbers of everything that is recognised on a device, and of its partition table. Data stays.
 * @throws CapabilityError when it is read-only
 */
export async function wipeSignatures(device: BlockDevice, options: ProbeOptions = {}): Promise<void> {
  if (!device.writable) throw CapabilityError.readOnly('device');
  for (let round = 0; ; round++) {
    const found = await probeSignatures(device, options);
    if (found.length === 0) break;
    if (round === MAX_ROUNDS) {
      throw new CorruptImageError({ structure: 'signatures', reason: 'there are ever more of them' });
    }
    for (const { offset, length } of found) await device.write(offset, new Uint8Array(length));
  }
  await wipeTable(device);
  await device.flush();
}

async function wipeTable(device: BlockDevice): Promise<void> {
  const type = await tableType(device);
  if (type === undefined) return;
  if (type === 'msdos' || type === 'gpt') {
    await device.write(BOOT_MARK.at, new Uint8Array(BOOT_MARK.length));
  } else await device.write(0, new Uint8Array(Math.min(OTHER_LABELS, device.size)));
  if (type !== 'gpt') return;
  for (const size of SECTOR_SIZES) {
    for (const at of [size, (Math.floor(device.size / size) - 1) * size]) {
      const mark = new TextDecoder('latin1').decode(await device.read(at, GPT_MARK));
      if (mark === 'EFI PART') await device.write(at, new Uint8Array(GPT_MARK));
    }
  }
}

/** A GPT of which no copy is good is one all the same. */
async function tableType(device: BlockDevice): Promise<string | undefined> {
  try {
    return (await readPartitionTable(device))?.type;
  } catch (error) {
    if (error instanceof CorruptImageError) return 'gpt';
    throw error;
  }
}
