import { createCipheriv } from 'node:crypto';

/** How {@link encryptSectors} encrypts; keys as in the FVEK. */
export interface SectorScheme {
  readonly method: number;
  readonly sectorSize: number;
  /** Key of the sectors, and behind it (at byte 32) that of the diffuser's tweak. */
  readonly key: Uint8Array;
}

const aes = (name: string, key: Uint8Array, iv: Uint8Array | null, data: Uint8Array): Uint8Array => {
  const cipher = createCipheriv(name, key, iv);
  cipher.setAutoPadding(false);
  return new Uint8Array(Buffer.concat([cipher.update(data), cipher.final()]));
};

const number = (value: number): Uint8Array => {
  const out = Buffer.alloc(16);
  out.writeBigUInt64LE(BigInt(value));
  return out;
};

/** Bytes of the AES key of a method. */
export const keyBytesOf = (method: number): number => (method === 0x8004 || (method & 1) === 1 ? 32 : 16);

/** Encrypt whole sectors with OpenSSL, as N. Ferguson's paper and libbde's description say. */
export function encryptSectors(plain: Uint8Array, offset: number, scheme: SectorScheme): Uint8Array {
  const out = new Uint8Array(plain.length);
  for (let at = 0; at < plain.length; at += scheme.sectorSize) {
    out.set(encryptSector(plain.slice(at, at + scheme.sectorSize), offset + at, scheme), at);
  }
  return out;
}

function encryptSector(data: Uint8Array, offset: number, { method, key, sectorSize }: SectorScheme): Uint8Array {
  if (method >= 0x8004) {
    const bytes = method === 0x8004 ? 32 : 64;
    return aes(`aes-${bytes * 4}-xts`, key.subarray(0, bytes), number(offset / sectorSize), data);
  }
  const bytes = keyBytesOf(method);
  const sectorKey = key.subarray(0, bytes);
  const ecb = `aes-${bytes * 8}-ecb`;
  const mixed = method < 0x8002 ? diffuse(data, offset, ecb, key.subarray(32, 32 + bytes)) : data;
  return aes(`aes-${bytes * 8}-cbc`, sectorKey, aes(ecb, sectorKey, null, number(offset)), mixed);
}

const rotate = (word: number, by: number): number => (by === 0 ? word : (word << by) | (word >>> (32 - by)));

function diffuse(data: Uint8Array, offset: number, ecb: string, tweakKey: Uint8Array): Uint8Array {
  const high = number(offset);
  high[15] = 0x80;
  const mask = Buffer.concat([aes(ecb, tweakKey, null, number(offset)), aes(ecb, tweakKey, null, high)]);
  const bytes = Buffer.from(data.map((byte, i) => byte ^ mask[i % 32]!));
  const n = bytes.length / 4;
  const d = Int32Array.from({ length: n }, (_, i) => bytes.readInt32LE(i * 4));
  const at = (i: number): number => d[((i % n) + n) % n]!;
  for (let round = 0; round < 5; round++) {
    for (let i = n - 1; i >= 0; i--) d[i]! -= at(i - 2) ^ rotate(at(i - 5), [9, 0, 13, 0][i % 4]!);
  }
  for (let round = 0; round < 3; round++) {
    for (let i = n - 1; i >= 0; i--) d[i]! -= at(i + 2) ^ rotate(at(i + 5), [0, 10, 0, 25][i % 4]!);
  }
  for (let i = 0; i < n; i++) bytes.writeInt32LE(d[i]!, i * 4);
  return new Uint8Array(bytes);
}
