import { decompressLzo, viewOf } from '@vmcraft/core/binary';
import type { BlockCodecs } from '@vmcraft/core/contracts';
import { CorruptImageError, isVmcraftError, messageOf, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { Compression } from './layout.js';

/** Unpacks extents; the libraries are loaded when first needed. */
export class Decompressor {
  #zlib: ((data: Uint8Array, limit: number) => Uint8Array) | undefined;
  #zstd: ((data: Uint8Array, limit: number) => Uint8Array) | undefined;

  constructor(
    private readonly codecs: BlockCodecs | undefined,
    private readonly sectorsize: number,
  ) {}

  /**
   * @param limit bytes that come out at most
   * @returns what came out: may be less than `limit`, the rest is zeros
   * @throws CorruptImageError, UnsupportedFeatureError
   */
  async unpack(kind: number, data: Uint8Array, limit: number): Promise<Uint8Array> {
    try {
      if (kind === Compression.zlib) return (await this.#inflate())(data, limit);
      if (kind === Compression.zstd) return (await this.#unzstd())(data, limit);
      if (kind === Compression.lzo) return unpackLzo(data, limit, this.sectorsize);
    } catch (error) {
      if (isVmcraftError(error)) throw error;
      throw new CorruptImageError({ structure: 'btrfs compressed extent', reason: messageOf(error) }, error);
    }
    throw new UnsupportedFeatureError({ structure: 'btrfs_file_extent_item', feature: `compression ${kind}` });
  }

  async #inflate(): Promise<(data: Uint8Array, limit: number) => Uint8Array> {
    if (this.codecs !== undefined) return this.codecs.inflate;
    if (this.#zlib === undefined) {
      const { unzlibSync } = await import('fflate');
      this.#zlib = (data, limit) => unzlibSync(data, { out: new Uint8Array(limit) });
    }
    return this.#zlib;
  }

  /** The extent is padded to a sector with zeros, which a decoder would take for another frame. */
  async #unzstd(): Promise<(data: Uint8Array, limit: number) => Uint8Array> {
    if (this.#zstd === undefined) {
      const { Decompress } = await import('fzstd');
      this.#zstd = (data, limit) => {
        const out = new Uint8Array(limit);
        let at = 0;
        const stream = new Decompress((chunk) => {
          const part = chunk.subarray(0, limit - at);
          out.set(part, at);
          at += part.length;
        });
        stream.push(data.subarray(0, zstdFrameLength(data)), true);
        return out.subarray(0, at);
      };
    }
    return this.#zstd;
  }
}

/** Length of the first frame (RFC 8878, section 3.1.1). @throws RangeError when it is not whole */
function zstdFrameLength(data: Uint8Array): number {
  const view = viewOf(data);
  const MAGIC = 0xfd2fb528;
  if (view.getUint32(0, true) !== MAGIC) throw new RangeError('not a Zstandard frame');
  const descriptor = view.getUint8(4);
  const isSingle = (descriptor & 0x20) !== 0;
  const contentField = [isSingle ? 1 : 0, 2, 4, 8][descriptor >>> 6] as number;
  const dictionaryField = [0, 1, 2, 4][descriptor & 3] as number;
  let at = 5 + (isSingle ? 0 : 1) + dictionaryField + contentField;
  for (;;) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const RLE = 1;
    const size = ((header >>> 1) & 3) === RLE ? 1 : header >>> 3;
    at += 3 + size;
    if ((header & 1) !== 0) break;
  }
  const CHECKSUM = (descriptor & 4) !== 0 ? 4 : 0;
  if (at + CHECKSUM > data.length) throw new RangeError('the frame ends early');
  return at + CHECKSUM;
}

/**
 * "LZO": total length, then segments of one sector, each with its length before it; a length never crosses the end of a sector, so that
 * up to three bytes there are left out (fs/btrfs/lzo.c describes the form).
 */
function unpackLzo(data: Uint8Array, limit: number, sectorsize: number): Uint8Array {
  const LENGTH = 4;
  const view = viewOf(data);
  const total = Math.min(view.getUint32(0, true), data.length);
  const out = new Uint8Array(limit);
  let filled = 0;
  for (let at = LENGTH; at + LENGTH <= total && filled < limit; ) {
    const left = sectorsize - (at % sectorsize);
    if (left < LENGTH) at += left;
    if (at + LENGTH > total) break;
    const size = view.getUint32(at, true);
    at += LENGTH;
    if (size === 0 || at + size > data.length) throw new RangeError(`a segment of ${size} bytes`);
    const part = decompressLzo(data.subarray(at, at + size), Math.min(sectorsize, limit - filled));
    out.set(part, filled);
    // Every segment but the last makes one sector.
    filled += Math.min(sectorsize, limit - filled);
    at += size;
  }
  return out.subarray(0, filled);
}
