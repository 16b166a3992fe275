import { Cbc, CIPHER_CHUNK as CHUNK, portableCiphers, Xts } from '@vmcraft/core/block';
import type { Ciphers, SectorCipher } from '@vmcraft/core/contracts';
import { CorruptImageError, InternalError } from '@vmcraft/core/errors';
import { digestOf } from '../key/hash.js';
import { Ecb } from './ecb.js';
import { InitialVectors } from './initial-vector.js';
import { type CipherSpec, parseCipher } from './spec.js';

/** Unit in which dm-crypt counts sectors for initial vectors, whatever their size. */
export const IV_UNIT = 512;
const AES_KEYS: readonly number[] = [16, 24, 32];

/** What a cipher needs besides its name and key. */
export interface SectorCipherOptions {
  /** Bytes encrypted as one: 512 to 4096. */
  readonly sectorSize?: number;
  /** Added to the number of each sector, in units of 512 bytes. */
  readonly ivOffset?: number;
  readonly ciphers?: Ciphers | undefined;
}

interface ChunkCipher {
  decrypt(chunk: Uint8Array, vectors: Uint8Array): void;
  encrypt(chunk: Uint8Array, vectors: Uint8Array): void;
  close(): void;
}

/**
 * The cipher that `name` stands for, with its key.
 * @param name as dm-crypt writes it: `aes-xts-plain64`
 * @throws UnsupportedFeatureError for ciphers not done here
 * @throws CorruptImageError when the key has a length that the cipher does not take
 */
export async function makeSectorCipher(
  name: string,
  key: Uint8Array,
  options: SectorCipherOptions = {},
): Promise<SectorCipher> {
  const spec = parseCipher(name);
  checkKeyLength(name, key.length);
  const ciphers = options.ciphers ?? (await portableCiphers());
  const vectors = await vectorsFor(spec, key, ciphers);
  return new WholeSectors(
    chunkCipher(spec, key, ciphers),
    vectors,
    options.sectorSize ?? IV_UNIT,
    options.ivOffset ?? 0,
  );
}

/** Bytes of a key that a cipher takes. @throws UnsupportedFeatureError, CorruptImageError */
export function checkKeyLength(name: string, length: number): void {
  const spec = parseCipher(name);
  const aes = spec.mode === 'xts' ? length / 2 : length;
  // XTS has no 192-bit form (IEEE 1619-2007, 5.1).
  if (AES_KEYS.includes(aes) && !(spec.mode === 'xts' && aes === 24)) return;
  throw new CorruptImageError({ structure: 'LUKS', reason: `a key of ${length} bytes does not fit ${name}` });
}

function chunkCipher(spec: CipherSpec, key: Uint8Array, ciphers: Ciphers): ChunkCipher {
  if (spec.mode === 'cbc') return new Cbc(ciphers.aes(key));
  if (spec.mode === 'ecb') return new Ecb(ciphers.aes(key));
  const half = key.length / 2;
  return new Xts(ciphers.aes(key.subarray(0, half)), ciphers.aes(key.subarray(half)));
}

async function vectorsFor(spec: CipherSpec, key: Uint8Array, ciphers: Ciphers): Promise<InitialVectors> {
  if (spec.ivHash === undefined) return new InitialVectors(spec.iv);
  const salt = await digestOf(spec.ivHash, key);
  checkKeyLength('aes-cbc', salt.length);
  const essiv = ciphers.aes(salt);
  salt.fill(0);
  return new InitialVectors(spec.iv, essiv);
}

/** Cuts spans into chunks and gives each its vectors. */
class WholeSectors implements SectorCipher {
  constructor(
    private readonly cipher: ChunkCipher,
    private readonly vectors: InitialVectors,
    readonly sectorSize: number,
    private readonly ivOffset: number,
  ) {}

  decrypt(data: Uint8Array, offset: number): void {
    this.#eachChunk(data, offset, (chunk, vectors) => this.cipher.decrypt(chunk, vectors));
  }

  encrypt(data: Uint8Array, offset: number): void {
    this.#eachChunk(data, offset, (chunk, vectors) => this.cipher.encrypt(chunk, vectors));
  }

  close(): void {
    this.cipher.close();
    this.vectors.close();
  }

  #eachChunk(data: Uint8Array, offset: number, work: (chunk: Uint8Array, vectors: Uint8Array) => void): void {
    if (data.length % this.sectorSize !== 0 || offset % this.sectorSize !== 0) {
      throw new InternalError('a span that is no whole number of sectors was to be decrypted');
    }
    for (let at = 0; at < data.length; at += CHUNK) {
      const part = data.subarray(at, at + CHUNK);
      const first = this.ivOffset + (offset + at) / IV_UNIT;
      const vectors = this.vectors.make(first, part.length / this.sectorSize, this.sectorSize / IV_UNIT);
      if (part.byteOffset % 4 === 0) {
        work(part, vectors);
        continue;
      }
      const aligned = part.slice();
      work(aligned, vectors);
      part.set(aligned);
    }
  }
}
