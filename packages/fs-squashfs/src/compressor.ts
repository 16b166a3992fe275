import { decompressLz4, decompressLzo } from '@vmcraft/core/binary';
import type { BlockCodecs } from '@vmcraft/core/contracts';
import { CorruptImageError, isVmcraftError, messageOf, UnsupportedFeatureError } from '@vmcraft/core/errors';
import { COMPRESSORS } from './layout.js';

/** Unpacks one block; at most `limit` bytes come out. */
export type Unpack = (data: Uint8Array, limit: number) => Uint8Array | Promise<Uint8Array>;

/** Unpacker of a volume, by the number in its superblock. @throws UnsupportedFeatureError for LZMA and unknown ones */
export async function unpackerFor(compressor: number, codecs: BlockCodecs | undefined): Promise<Unpack> {
  const name = COMPRESSORS[compressor];
  switch (name) {
    case 'gzip':
      return checked(name, codecs?.inflate ?? (await inflateOfLibrary()));
    case 'lzo':
      return decompressLzo;
    case 'lz4':
      return decompressLz4;
    case 'zstd':
      return checked(name, await zstdOfLibrary());
    case 'xz':
      return checked(name, await xzOfLibrary());
    default:
      throw new UnsupportedFeatureError({
        structure: 'squashfs superblock',
        feature: `compression ${name ?? compressor}`,
        workaround: 'repack it with unsquashfs and mksquashfs -comp zstd',
      });
  }
}

/** The compression's name for people. */
export const compressorName = (compressor: number): string => COMPRESSORS[compressor] ?? String(compressor);

async function inflateOfLibrary(): Promise<Unpack> {
  const { unzlibSync } = await import('fflate');
  return (data, limit) => unzlibSync(data, { out: new Uint8Array(limit) });
}

/** With a buffer given, memory does not depend on the window that the frame asks for. */
async function zstdOfLibrary(): Promise<Unpack> {
  const { decompress } = await import('fzstd');
  return (data, limit) => decompress(data, new Uint8Array(limit));
}

async function xzOfLibrary(): Promise<Unpack> {
  const { default: library } = await import('xz-decompress');
  return async (data, limit) => {
    const source = new ReadableStream<Uint8Array>({
      start: (controller) => {
        controller.enqueue(data);
        controller.close();
      },
    });
    const out = new Uint8Array(limit);
    let at = 0;
    const reader = new library.XzReadableStream(source).getReader();
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) {
        if (at + next.value.length > limit) throw new RangeError(`more than ${limit} bytes come out`);
        out.set(next.value, at);
        at += next.value.length;
      }
    } finally {
      await reader.cancel().catch(() => undefined);
    }
    return out.subarray(0, at);
  };
}

/** What a library throws becomes an error of the image. */
function checked(name: string, unpack: Unpack): Unpack {
  return async (data, limit) => {
    try {
      return await unpack(data, limit);
    } catch (error) {
      if (isVmcraftError(error)) throw error;
      throw new CorruptImageError({ structure: `squashfs ${name} block`, reason: messageOf(error) }, error);
    }
  };
}
