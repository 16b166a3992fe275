import { CorruptImageError, type HostFile, toSafeInteger, UnsupportedFeatureError } from '@vmcraft/core';
import { vhdxChecksum } from './checksum.js';
import * as L from './layout.js';

/** The current header. */
export type Header = ReturnType<typeof L.VhdxHeader.decode>;

/** A part of the file. Bytes. */
export interface Region {
  readonly offset: number;
  readonly length: number;
}

/**
 * The valid header with the higher sequence number. [MS-VHDX] 2.2.2.
 * @throws CorruptImageError, UnsupportedFeatureError
 */
export async function readCurrentHeader(file: HostFile): Promise<Header> {
  const identifier = new TextDecoder('latin1').decode(await file.read(0, L.FILE_SIGNATURE.length));
  if (identifier !== L.FILE_SIGNATURE) {
    throw new CorruptImageError({
      structure: 'vhdx',
      field: 'Signature',
      offset: 0,
      reason: 'no file type identifier',
    });
  }
  let current: Header | undefined;
  for (const offset of L.HEADER_OFFSETS) {
    const data = await file.read(offset, L.VhdxHeader.size);
    if (data.length < L.VhdxHeader.size) continue;
    const header = L.VhdxHeader.decode(data, 0, offset);
    if (header.signature !== L.HEADER_SIGNATURE || header.checksum !== vhdxChecksum(data)) continue;
    if (current === undefined || header.sequenceNumber > current.sequenceNumber) current = header;
  }
  if (current === undefined) {
    const reason = 'neither header has a right signature and checksum';
    throw new CorruptImageError({ structure: 'vhdx.header', offset: L.HEADER_OFFSETS[0], reason });
  }
  if (current.version !== 1) {
    throw new UnsupportedFeatureError({ feature: `version ${current.version}`, structure: 'vhdx' });
  }
  if (current.logVersion !== 0 && current.logGuid !== L.ZERO_GUID) {
    throw new UnsupportedFeatureError({ feature: `log version ${current.logVersion}`, structure: 'vhdx' });
  }
  return current;
}

/**
 * Regions by GUID, from the first table with a right checksum. [MS-VHDX] 2.2.3.
 * @throws CorruptImageError, UnsupportedFeatureError for a required region that is not known
 */
export async function readRegions(file: HostFile): Promise<{ bat: Region; metadata: Region }> {
  for (const offset of L.REGION_TABLE_OFFSETS) {
    const data = await file.read(offset, L.REGION_TABLE_SIZE);
    if (data.length < L.REGION_TABLE_SIZE) continue;
    const header = L.RegionTableHeader.decode(data, 0, offset);
    if (header.signature !== L.REGION_SIGNATURE || header.checksum !== vhdxChecksum(data)) continue;
    if (header.entryCount > L.MAX_REGIONS) throw corruptRegions('EntryCount', offset, header.entryCount);
    return parseRegions(data, header.entryCount, offset);
  }
  const reason = 'neither region table has a right signature and checksum';
  throw new CorruptImageError({ structure: 'vhdx.regionTable', offset: L.REGION_TABLE_OFFSETS[0], reason });
}

function parseRegions(data: Uint8Array, count: number, base: number): { bat: Region; metadata: Region } {
  const found = new Map<string, Region>();
  for (let i = 0; i < count; i++) {
    const entry = L.RegionEntry.decode(data, L.RegionTableHeader.size + i * L.RegionEntry.size, base);
    const known = entry.guid === L.BAT_REGION || entry.guid === L.METADATA_REGION;
    if (!known && (entry.required & 1) !== 0) {
      throw new UnsupportedFeatureError({ feature: `required region ${entry.guid}`, structure: 'vhdx' });
    }
    const offset = toSafeInteger(entry.fileOffset, 'vhdx.regionEntry.FileOffset');
    if (found.has(entry.guid)) throw corruptRegions('Guid', base, entry.guid);
    found.set(entry.guid, { offset, length: entry.length });
  }
  const bat = found.get(L.BAT_REGION);
  const metadata = found.get(L.METADATA_REGION);
  if (bat === undefined || metadata === undefined) {
    const reason = 'the BAT or metadata region is missing';
    throw new CorruptImageError({ structure: 'vhdx.regionTable', offset: base, reason });
  }
  return { bat, metadata };
}

function corruptRegions(field: string, offset: number, found: unknown): CorruptImageError {
  return new CorruptImageError({ structure: 'vhdx.regionTable', field, offset, expected: 'another value', found });
}
