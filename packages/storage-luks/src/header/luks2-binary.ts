import { decodeUtf8, equalBytes, toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError, TruncatedImageError, VmcraftError } from '@vmcraft/core/errors';
import { digestOf } from '../key/hash.js';
import * as L from '../layout.js';
import { Fields } from './json-fields.js';

const CITATION = 'LUKS2 On-Disk Format 1.1.2, section 2';

/** One of the two headers, its checksum verified. */
export interface BinaryHeader {
  /** Bytes, the JSON area included. */
  readonly size: number;
  readonly sequence: number;
  readonly label: string;
  readonly subsystem: string;
  readonly uuid: string;
  readonly checksumAlgorithm: string;
  /** The metadata as it is on the device; edited in place to write it. */
  readonly metadata: Fields;
}

/** What the two headers say; the newer good one counts. */
export interface HeaderPair {
  readonly header: BinaryHeader;
  /** Why the other one was not used, when it is broken or older. */
  readonly defect?: string;
}

/**
 * Read both headers and choose the newer one that is whole.
 * @throws CorruptImageError, TruncatedImageError when neither is
 */
export async function readPair(device: BlockDevice): Promise<HeaderPair> {
  const first = await attempt(() => readOne(device, 0, L.MAGIC));
  if (!(first instanceof VmcraftError)) {
    const second = await attempt(() => readOne(device, first.size, L.MAGIC_SECONDARY));
    if (second instanceof VmcraftError)
      return { header: first, defect: `the second header is not used: ${second.message}` };
    if (second.sequence > first.sequence)
      return { header: second, defect: 'the second header is newer than the first' };
    return second.sequence === first.sequence
      ? { header: first }
      : { header: first, defect: 'the second header is older than the first' };
  }
  for (const offset of L.LUKS2_SIZES) {
    const second = await attempt(() => readOne(device, offset, L.MAGIC_SECONDARY));
    if (!(second instanceof VmcraftError)) {
      return { header: second, defect: `the first header is not used: ${first.message}` };
    }
  }
  throw first;
}

async function attempt<T>(read: () => Promise<T>): Promise<T | VmcraftError> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof CorruptImageError || error instanceof TruncatedImageError) return error;
    throw error;
  }
}

async function readOne(device: BlockDevice, offset: number, magic: Uint8Array): Promise<BinaryHeader> {
  const fixed = L.Luks2Binary.size;
  if (device.size < offset + fixed) throw truncated(offset, fixed, device.size);
  const start = await device.read(offset, fixed);
  const binary = L.Luks2Binary.decode(start, 0, offset);
  if (!equalBytes(binary.magic, magic)) throw corrupt('magic', offset, 'is not that of a header');
  if (binary.version !== 2) throw corrupt('version', offset, `is ${binary.version}, not 2`);
  if (binary.offset !== BigInt(offset)) throw corrupt('hdr_offset', offset, 'is not the place of the header');
  const size = Number(binary.size);
  if (!L.LUKS2_SIZES.includes(size)) throw corrupt('hdr_size', offset, 'is not a size that headers have');
  if (offset !== 0 && offset !== size) throw corrupt('hdr_size', offset, 'does not fit the place of the second header');
  if (device.size < offset + size) throw truncated(offset, size, device.size);
  const whole = (await device.read(offset, size)).slice();
  await verify(whole, binary.checksumAlgorithm, binary.checksum, offset);
  return {
    size,
    sequence: toSafeInteger(binary.sequence, 'luks2_hdr_disk.seqid'),
    label: binary.label,
    subsystem: binary.subsystem,
    uuid: binary.uuid,
    checksumAlgorithm: binary.checksumAlgorithm,
    metadata: parseMetadata(whole.subarray(fixed), offset + fixed),
  };
}

/** The checksum covers the header with its own field zero, and the whole JSON area. */
async function verify(whole: Uint8Array, algorithm: string, expected: Uint8Array, offset: number): Promise<void> {
  const at = L.Luks2Binary.offsetOf('checksum');
  whole.fill(0, at, at + 64);
  const sum = await digestOf(algorithm, whole);
  if (sum.length <= 64 && equalBytes(sum, expected.subarray(0, sum.length))) return;
  throw corrupt('csum', offset, 'does not match the header');
}

function parseMetadata(area: Uint8Array, offset: number): Fields {
  const end = area.indexOf(0);
  if (end < 0) throw corrupt('json', offset, 'has no end');
  let value: unknown;
  try {
    value = JSON.parse(decodeUtf8(area.subarray(0, end)));
  } catch (cause) {
    throw new CorruptImageError(
      { structure: 'LUKS2 metadata', offset, reason: 'is not JSON', citation: CITATION },
      cause,
    );
  }
  return Fields.of(value, '');
}

/** Both headers as they are to be written: same contents, the first one at 0 and the second behind it. */
export async function encodePair(
  header: BinaryHeader,
  randomBytes: (length: number) => Uint8Array,
): Promise<readonly [Uint8Array, Uint8Array]> {
  const json = new TextEncoder().encode(JSON.stringify(header.metadata.raw));
  const room = header.size - L.Luks2Binary.size;
  if (json.length >= room) {
    throw new CorruptImageError({ structure: 'LUKS2 metadata', reason: `${json.length} bytes do not fit ${room}` });
  }
  const one = async (magic: Uint8Array, offset: number): Promise<Uint8Array> => {
    const out = new Uint8Array(header.size);
    const { size, sequence, label, subsystem, uuid, checksumAlgorithm } = header;
    L.Luks2Binary.encodeInto(
      {
        magic,
        version: 2,
        size: BigInt(size),
        sequence: BigInt(sequence),
        label,
        subsystem,
        uuid,
        checksumAlgorithm,
        salt: randomBytes(64),
        offset: BigInt(offset),
        checksum: new Uint8Array(64),
      },
      out,
    );
    out.set(json, L.Luks2Binary.size);
    out.set(await digestOf(checksumAlgorithm, out), L.Luks2Binary.offsetOf('checksum'));
    return out;
  };
  return [await one(L.MAGIC, 0), await one(L.MAGIC_SECONDARY, header.size)];
}

function corrupt(field: string, offset: number, reason: string): CorruptImageError {
  return new CorruptImageError({ structure: 'luks2_hdr_disk', field, offset, reason, citation: CITATION });
}

function truncated(offset: number, needed: number, size: number): TruncatedImageError {
  return new TruncatedImageError({
    structure: 'luks2_hdr_disk',
    offset,
    needed,
    available: Math.max(0, size - offset),
  });
}
