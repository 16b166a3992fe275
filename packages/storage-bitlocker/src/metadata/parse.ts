import { decodeUtf16, toSafeInteger } from '@vmcraft/core/binary';
import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import {
  AesCcmHead,
  BlockHeader,
  ConversionLog,
  EntryHeader,
  EntryType,
  KEY_HEAD,
  METADATA_BYTES,
  METHODS,
  MetadataHeader,
  type Method,
  SPECIFICATION,
  State,
  StretchKeyHead,
  ValueType,
  Version,
  VmkHead,
  VolumeHeaderBlock,
} from '../layout.js';
import type { BootSector } from './boot-sector.js';
import { type Entry, readEntries } from './entries.js';
import type { Metadata, Protector, WrappedKey } from './model.js';

/**
 * Take a block of metadata apart whose checksum is right.
 * @param sealed block header, metadata header and entries, exactly
 * @param trailer the entries behind the checksum
 * @param base absolute offset of the block, for errors
 * @throws CorruptImageError, UnsupportedFeatureError
 */
export function parseMetadata(
  sealed: Uint8Array,
  trailer: readonly Entry[],
  base: number,
  { sectorSize, eowOffsets }: BootSector,
): Metadata {
  const block = BlockHeader.decode(sealed, 0, base);
  const header = MetadataHeader.decode(sealed, BlockHeader.size, base);
  const start = BlockHeader.size + header.headerSize;
  const end = BlockHeader.size + header.size;
  if (header.headerSize < MetadataHeader.size || start > end || end > sealed.length) {
    const found = { field: 'size', offset: base + BlockHeader.size, found: header.size, expected: `${start} or more` };
    throw new CorruptImageError({ structure: MetadataHeader.name, citation: SPECIFICATION, ...found });
  }
  const entries = readEntries(sealed.subarray(start, end), base + start);
  const fvek = entries.find((e) => e.entryType === EntryType.fvek && e.valueType === ValueType.aesCcm);
  if (fvek === undefined) throw missing('the key of the sectors (FVEK)', base);
  const text = entries.find((e) => e.entryType === EntryType.description && e.valueType === ValueType.text);
  const seal = trailer.find((e) => e.valueType === ValueType.aesCcm);
  return {
    version: block.version,
    volumeId: header.volumeId,
    label: text === undefined ? '' : decodeUtf16(text.data).replace(/\0.*$/su, ''),
    method: methodOf(header.encryptionMethod),
    protectors: entries.filter((e) => e.valueType === ValueType.vmk).map((e) => readProtector(e.data, base)),
    fvek: readWrapped(fvek.data, base),
    ...(seal === undefined ? {} : { seal: readWrapped(seal.data, base) }),
    sealed,
    ...placesOf(block, entries, sectorSize, eowOffsets.length > 0),
    mftMirror: block.version === Version.vista ? block.headerOffset : 0n,
  };
}

type Block = ReturnType<typeof BlockHeader.decode>;

function methodOf(value: number): Method {
  // What the upper half means is not known; libbde ignores it too.
  const method = METHODS[value & 0xffff];
  if (method !== undefined) return method;
  const feature = `encryption method 0x${(value & 0xffff).toString(16)}`;
  throw new UnsupportedFeatureError({ feature, structure: 'BitLocker', citation: SPECIFICATION });
}

/** Which spans of the volume are encrypted, moved or hidden. */
function placesOf(
  block: Block,
  entries: readonly Entry[],
  sectorSize: number,
  onWrite: boolean,
): Pick<Metadata, 'encryptedSize' | 'movedHeader' | 'hidden'> {
  const { firstOffset, secondOffset, thirdOffset } = block;
  const size = METADATA_BYTES[block.version as 1 | 2];
  const hidden = [firstOffset, secondOffset, thirdOffset]
    .filter((at) => at !== 0n)
    .map((at) => ({ offset: place(at, 'metadata', sectorSize), size }));
  requireState(block, onWrite);
  if (block.version === Version.vista) return { encryptedSize: undefined, movedHeader: undefined, hidden };
  const found = entries.find((e) => e.valueType === ValueType.offsetAndSize)?.data;
  const named = found === undefined ? undefined : VolumeHeaderBlock.decode(found);
  const offset = place(named?.offset ?? block.headerOffset, 'moved volume header', sectorSize);
  const bytes = place(named?.size ?? BigInt(block.headerSectors * sectorSize), 'size of the volume header', sectorSize);
  if (bytes === 0 || offset < bytes) {
    throw new CorruptImageError({
      structure: VolumeHeaderBlock.name,
      expected: 'behind what was moved',
      found: offset,
    });
  }
  const movedHeader = { offset, size: bytes };
  const log = found === undefined ? undefined : conversionLog(found.subarray(VolumeHeaderBlock.size), sectorSize);
  const encryptedSize = place(block.encryptedSize, 'encrypted size', sectorSize);
  return { encryptedSize, movedHeader, hidden: [...hidden, movedHeader, ...(log === undefined ? [] : [log])] };
}

/** A conversion that runs leaves sectors in flight; one that is paused or complete does not. */
function requireState({ version, currentState }: Block, onWrite: boolean): void {
  if (currentState === State.encrypted) return;
  if (currentState === State.paused && version === Version.seven) return;
  if (currentState === State.encryptOnWrite && onWrite) return;
  const states = { 1: 'a volume that was decrypted', 2: 'a conversion that was interrupted', 3: 'encryption on write' };
  const feature =
    states[currentState as 1 | 2 | 3] ?? `state ${currentState} of a volume (version ${version} of the format)`;
  const workaround = 'finish or pause the conversion in Windows (manage-bde -pause)';
  throw new UnsupportedFeatureError({ feature, structure: 'BitLocker', workaround });
}

function conversionLog(data: Uint8Array, sectorSize: number): { offset: number; size: number } | undefined {
  if (data.length < ConversionLog.size) return undefined;
  const { address, size } = ConversionLog.decode(data);
  if (address === 0n || size === 0) return undefined;
  return { offset: place(address, 'conversion log', sectorSize), size };
}

/** @throws CorruptImageError when a place is no whole number of sectors */
function place(value: bigint, field: string, sectorSize: number): number {
  const offset = toSafeInteger(value, `BitLocker ${field}`);
  if (offset % sectorSize === 0) return offset;
  throw new CorruptImageError({ structure: BlockHeader.name, field, found: offset, expected: 'whole sectors' });
}

function readProtector(data: Uint8Array, base: number): Protector {
  const { id, protection } = VmkHead.decode(data, 0, base);
  const properties = readEntries(data.subarray(VmkHead.size), base);
  const property = (type: number): Uint8Array | undefined => properties.find((e) => e.valueType === type)?.data;
  const stretch = property(ValueType.stretchKey);
  const key = property(ValueType.key);
  const wrapped = property(ValueType.aesCcm);
  return {
    id,
    protection,
    ...(stretch === undefined ? {} : { salt: StretchKeyHead.decode(stretch, 0, base).salt }),
    ...(key === undefined ? {} : { clearKey: key.subarray(KEY_HEAD) }),
    ...(wrapped === undefined ? {} : { wrapped: readWrapped(wrapped, base) }),
  };
}

function readWrapped(data: Uint8Array, base: number): WrappedKey {
  const { nonce, mac } = AesCcmHead.decode(data, 0, base);
  return { nonce, mac, data: data.subarray(AesCcmHead.size) };
}

function missing(what: string, offset: number): CorruptImageError {
  const reason = `${what} is missing`;
  return new CorruptImageError({ structure: `${EntryHeader.name} list`, offset, reason, citation: SPECIFICATION });
}
