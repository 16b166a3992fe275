import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import {
  BOOTABLE,
  BootEntry,
  SECTOR,
  SectionHeader,
  SectionIndicator,
  VALIDATION_KEY,
  ValidationEntry,
} from './layout.js';
import { readVolume } from './volume.js';

/** Entries of a catalog that are looked at. */
const MAX_ENTRIES = 256;
/** El Torito, figure 2, and the UEFI specification, section 13.3.2.1. */
const PLATFORMS: Readonly<Record<number, string>> = { 0: 'x86', 1: 'powerpc', 2: 'mac', 239: 'efi' };
/** Figure 3, "Boot media type". */
const MEDIA = ['none', 'floppy-1.2M', 'floppy-1.44M', 'floppy-2.88M', 'disk'] as const;

/** A boot image of an El Torito catalog. */
export interface BootImage {
  /** `x86`, `powerpc`, `mac`, `efi`, or the number in decimal. */
  readonly platform: string;
  readonly bootable: boolean;
  /** What the firmware makes of the image. */
  readonly emulation: (typeof MEDIA)[number];
  /** Where it begins on the device, bytes. */
  readonly offset: number;
  /** Bytes that the firmware loads. */
  readonly loadSize: number;
}

/**
 * The boot images of a disc, in the catalog's order; empty when it cannot be booted from.
 * @throws CorruptImageError when the catalog's checksum is wrong
 */
export async function readBootCatalog(device: BlockDevice): Promise<readonly BootImage[]> {
  const { bootCatalog } = await readVolume(device);
  if (bootCatalog === undefined) return [];
  const start = bootCatalog * SECTOR;
  if (start + SECTOR > device.size) {
    throw new CorruptImageError({
      structure: 'El Torito boot catalog',
      offset: start,
      reason: 'it lies past the device',
    });
  }
  const data = await device.read(start, Math.min(MAX_ENTRIES * BootEntry.size, device.size - start));
  return [...imagesIn(data, platformName(validate(data, start)))];
}

/** @returns the platform of the first entry */
function validate(data: Uint8Array, offset: number): number {
  const { headerId, platform, words, key } = ValidationEntry.decode(data);
  const sum = words.reduce((total, word) => (total + word) & 0xffff, 0);
  if (headerId === 1 && key === VALIDATION_KEY && sum === 0) return platform;
  const citation = 'El Torito 1.0, figure 2';
  throw new CorruptImageError({ structure: 'El Torito validation entry', offset, citation, reason: 'it is not valid' });
}

function* imagesIn(data: Uint8Array, platform: string): Generator<BootImage> {
  yield imageAt(data, BootEntry.size, platform);
  let at = 2 * BootEntry.size;
  while (at + SectionHeader.size <= data.length) {
    const header = SectionHeader.decode(data, at);
    if (header.indicator !== SectionIndicator.more && header.indicator !== SectionIndicator.last) return;
    at += SectionHeader.size;
    for (let i = 0; i < header.entries && at + BootEntry.size <= data.length; at += BootEntry.size) {
      // Figure 6: extensions follow the entry that they belong to, and are not counted.
      if (data[at] === SectionIndicator.extension) continue;
      yield imageAt(data, at, platformName(header.platform));
      i += 1;
    }
    if (header.indicator === SectionIndicator.last) return;
  }
}

function imageAt(data: Uint8Array, at: number, platform: string): BootImage {
  const { indicator, media, sectorCount, block } = BootEntry.decode(data, at);
  return {
    platform,
    bootable: indicator === BOOTABLE,
    emulation: MEDIA[media & 0xf] ?? 'none',
    offset: block * SECTOR,
    // Figure 3: counted in virtual sectors of 512 bytes.
    loadSize: sectorCount * 512,
  };
}

const platformName = (platform: number): string => PLATFORMS[platform] ?? String(platform);
