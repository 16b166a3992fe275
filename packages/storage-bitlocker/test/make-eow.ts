import { crc32 } from 'node:zlib';
import { makeVolume, PLACES, type VolumeRecipe } from './make-volume.js';

/** Where what tells of the encryption goes, and the logs of conversions. */
export const EOW = { infos: [0x50000, 0x58000], bitmaps: [0x90000, 0xa0000], logs: [0xb0000, 0xb8000] } as const;
export const CHUNK = 0x8000;
const LOG = 0x2000;
const BITMAP = 4096;
const RECORDS = [512, 2048] as const;
const IDENTIFIER = Buffer.from('3b4da89280dd0e4d9e4eb1e3284eaed8', 'hex');

/** Write the checksum of `data`, which has room for it at `field`. */
function seal(data: Buffer, field: number): Buffer {
  data.writeUInt32LE(0, field);
  data.writeUInt32LE(crc32(data), field);
  return data;
}

function record(bits: readonly boolean[], sequence: number): Buffer {
  const size = 36 + Math.ceil(bits.length / 32) * 4;
  const out = Buffer.alloc(size);
  out.write('FVE-EOWBR\0', 0, 'latin1');
  out.writeUInt16LE(36, 10);
  out.writeUInt32LE(size, 12);
  out.writeUInt32LE(bits.length, 16);
  out.writeBigUInt64LE(BigInt(sequence), 20);
  for (const [i, bit] of bits.entries()) if (bit) out[36 + (i >> 3)]! |= 1 << (i & 7);
  return seal(out, 32);
}

/** A bitmap whose second record is the newer one. */
function bitmap(start: number, bits: readonly boolean[], log: number): Buffer {
  const out = Buffer.alloc(BITMAP);
  out.write('FVE-EOWBM\0', 0, 'latin1');
  out.writeUInt16LE(60, 10);
  out.writeUInt32LE(BITMAP, 12);
  out.writeBigUInt64LE(BigInt(start), 20);
  out.writeBigUInt64LE(BigInt(bits.length * CHUNK), 28);
  out.writeBigUInt64LE(BigInt(log), 36);
  for (const [i, at] of RECORDS.entries()) out.writeUInt32LE(at, 44 + i * 4);
  out.writeUInt32LE(BITMAP - RECORDS[1], 52);
  seal(out.subarray(0, RECORDS[0]), 56);
  out.set(
    record(
      bits.map((bit) => !bit),
      6,
    ),
    RECORDS[0],
  );
  out.set(record(bits, 7), RECORDS[1]);
  return out;
}

function information(sectorSize: number): Buffer {
  const size = 56 + EOW.bitmaps.length * 8;
  const out = Buffer.alloc(size);
  out.write('FVE-EOW\0', 0, 'latin1');
  out.writeUInt16LE(56, 8);
  out.writeUInt16LE(size, 10);
  for (const at of [12, 16]) out.writeUInt32LE(sectorSize, at);
  out.writeUInt32LE(CHUNK, 20);
  out.writeUInt32LE(LOG, 24);
  out.writeUInt32LE(EOW.bitmaps.length, 32);
  for (const [i, at] of EOW.infos.entries()) out.writeBigUInt64LE(BigInt(at), 40 + i * 8);
  for (const [i, at] of EOW.bitmaps.entries()) out.writeBigUInt64LE(BigInt(at), 56 + i * 8);
  return seal(out, 36);
}

/**
 * A volume that encrypts what is written, as dissect.fve describes it.
 * @param isEncrypted by the number of a chunk
 */
export async function makeEowVolume(
  recipe: VolumeRecipe,
  isEncrypted: (chunk: number) => boolean,
): Promise<{ image: Uint8Array; shown: Uint8Array }> {
  const plain = recipe.plain.slice();
  const sectorSize = recipe.sectorSize ?? 512;
  for (const at of EOW.infos) plain.fill(0, at, at + sectorSize);
  for (const at of EOW.bitmaps) plain.fill(0, at, at + BITMAP);
  for (const at of EOW.logs) plain.fill(0, at, at + LOG);
  const { image, shown } = await makeVolume({ ...recipe, plain, state: recipe.state ?? 3 });
  const { metadata, header, headerSize } = PLACES;
  const chunks = plain.length / CHUNK;
  const own = [0, ...metadata].map((at, i) => ({ at, data: image.slice(at, at + (i === 0 ? headerSize : 65_536)) }));
  for (let chunk = 0; chunk < chunks; chunk++) {
    const [start, end] = [chunk * CHUNK, (chunk + 1) * CHUNK];
    if (isEncrypted(chunk)) continue;
    image.set(shown.subarray(start, end), start);
    if (header >= start && header < end) image.set(shown.subarray(0, headerSize), header);
  }
  for (const { at, data } of own) image.set(data, at);
  image.set(IDENTIFIER, 160);
  const boot = Buffer.from(image.buffer);
  for (const [i, at] of EOW.infos.entries()) boot.writeBigUInt64LE(BigInt(at), 160 + 40 + i * 8);
  for (const at of EOW.infos) image.set(information(sectorSize), at);
  const half = chunks / 2;
  for (const [i, at] of EOW.bitmaps.entries()) {
    const bits = Array.from({ length: half }, (_, c) => isEncrypted(i * half + c));
    image.set(bitmap(i * half * CHUNK, bits, EOW.logs[i]!), at);
    image.fill(0xaa, EOW.logs[i], EOW.logs[i]! + LOG);
  }
  return { image, shown };
}
