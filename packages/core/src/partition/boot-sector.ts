import { decodeUtf8, isPowerOfTwo, viewOf } from '../binary/index.js';

const text = (sector: Uint8Array, offset: number, length: number): string =>
  decodeUtf8(sector.subarray(offset, offset + length));

/** Media bytes the FAT specification allows (Microsoft FAT 1.03, `BPB_Media`). */
function isFatMedia(media: number): boolean {
  return media === 0xf0 || media >= 0xf8;
}

/** A BIOS parameter block of FAT (Microsoft FAT 1.03, "Boot Sector and BPB"), judged by every field that has a rule. */
function hasFatParameterBlock(sector: Uint8Array): boolean {
  const view = viewOf(sector);
  const bytesPerSector = view.getUint16(11, true);
  const jump = sector[0] === 0xeb || sector[0] === 0xe9;
  const sectors = view.getUint16(19, true) || view.getUint32(32, true);
  return (
    jump &&
    isPowerOfTwo(bytesPerSector) &&
    bytesPerSector >= 512 &&
    bytesPerSector <= 4096 &&
    isPowerOfTwo(sector[13]!) &&
    view.getUint16(14, true) !== 0 &&
    sector[16] !== 0 &&
    isFatMedia(sector[21]!) &&
    sectors !== 0
  );
}

/** Identifiers of BitLocker To Go, behind which the places of its metadata lie where an MBR has records. libbde, "BitLocker To Go". */
const TO_GO_OFFSET = 424;
const TO_GO: readonly (readonly number[])[] = [
  [0x3b, 0xd6, 0x67, 0x49, 0x29, 0x2e, 0xd8, 0x4a, 0x83, 0x99, 0xf6, 0xa3, 0x39, 0xe3, 0xd0, 0x01],
  [0x3b, 0x4d, 0xa8, 0x92, 0x80, 0xdd, 0x0e, 0x4d, 0x9e, 0x4e, 0xb1, 0xe3, 0x28, 0x4e, 0xae, 0xd8],
];

/** Whether it is that of a removable BitLocker volume, which looks like FAT; what is in the place of its records is never a table. */
export function isBitlockerToGo(sector: Uint8Array): boolean {
  return TO_GO.some((id) => id.every((byte, i) => sector[TO_GO_OFFSET + i] === byte));
}

/**
 * Which file system's boot sector this is, if it is one. Such a sector ends in 55 AA like an MBR, and the bytes where
 * an MBR has its records are code or text there.
 */
export function bootSectorOwner(sector: Uint8Array): 'ntfs' | 'exfat' | 'BitLocker' | 'vfat' | 'ReFS' | undefined {
  if (sector.length < 512) return undefined;
  const oem = text(sector, 3, 8);
  if (oem === 'NTFS    ') return 'ntfs';
  if (oem === 'EXFAT   ') return 'exfat';
  if (oem === '-FVE-FS-' || isBitlockerToGo(sector)) return 'BitLocker';
  if (oem === 'ReFS\0\0\0\0') return 'ReFS';
  return hasFatParameterBlock(sector) ? 'vfat' : undefined;
}
