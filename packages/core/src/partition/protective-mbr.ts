import { MasterBootRecord, MBR_MAX_SECTORS, MBR_SIGNATURE, MBR_TYPE, type MbrPartitionRecord } from './layout-mbr.js';
import { isProtective } from './mbr.js';

/** A record that describes nothing. */
export const EMPTY_RECORD: MbrPartitionRecord = {
  bootIndicator: 0,
  startingChs: new Uint8Array(3),
  osType: 0,
  endingChs: new Uint8Array(3),
  startingLba: 0,
  sizeInLba: 0,
};

/** UEFI 2.10 table 5-4: the protective record covers the disk from sector 1, as far as 32 bits reach. */
function protectiveRecord(sectors: number): MbrPartitionRecord {
  return {
    ...EMPTY_RECORD,
    startingChs: Uint8Array.of(0x00, 0x02, 0x00),
    osType: MBR_TYPE.gptProtective,
    endingChs: Uint8Array.of(0xff, 0xff, 0xff),
    startingLba: 1,
    sizeInLba: Math.min(sectors - 1, MBR_MAX_SECTORS),
  };
}

/**
 * The boot sector of a GPT disk. Boot code stays; of a hybrid MBR all records stay but the size of a lone protective one.
 * @param sectors size of the disk
 */
export function protectiveMbr(sector: Uint8Array, sectors: number): Uint8Array {
  const out = sector.slice();
  const mbr = MasterBootRecord.decode(sector);
  const hybrid = mbr.signature === MBR_SIGNATURE && isProtective(mbr.partitionRecord);
  const others = mbr.partitionRecord.filter((r) => r.osType !== MBR_TYPE.gptProtective && r.sizeInLba !== 0);
  if (hybrid && others.length > 0) return out;
  MasterBootRecord.encodeInto(
    {
      partitionRecord: [protectiveRecord(sectors), EMPTY_RECORD, EMPTY_RECORD, EMPTY_RECORD],
      signature: MBR_SIGNATURE,
    },
    out,
  );
  return out;
}
