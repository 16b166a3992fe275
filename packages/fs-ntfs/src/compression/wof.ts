import { CorruptImageError, UnsupportedFeatureError } from '@vmcraft/core/errors';
import {
  WOF_ALGORITHM_LZX,
  WOF_ALGORITHM_XPRESS4K,
  WOF_ALGORITHM_XPRESS8K,
  WOF_ALGORITHM_XPRESS16K,
  WOF_PROVIDER_FILE,
  WOF_PROVIDER_WIM,
  WofExternalInfo,
  WofFileProviderInfo,
} from './layout-wof.js';
import { decompressLzx } from './lzx.js';
import { decompressXpressHuffman } from './xpress-huffman.js';

/** How the data of a file is compressed in chunks. */
export interface ChunkFormat {
  readonly name: string;
  /** Bytes of a plain chunk, a power of two. */
  readonly chunkSize: number;
  /** Fill `target` from one compressed chunk. */
  decompress(source: Uint8Array, target: Uint8Array): void;
}

const FORMATS: ReadonlyMap<number, ChunkFormat> = new Map([
  [WOF_ALGORITHM_XPRESS4K, { name: 'XPRESS4K', chunkSize: 4096, decompress: decompressXpressHuffman }],
  [WOF_ALGORITHM_LZX, { name: 'LZX', chunkSize: 32768, decompress: decompressLzx }],
  [WOF_ALGORITHM_XPRESS8K, { name: 'XPRESS8K', chunkSize: 8192, decompress: decompressXpressHuffman }],
  [WOF_ALGORITHM_XPRESS16K, { name: 'XPRESS16K', chunkSize: 16384, decompress: decompressXpressHuffman }],
]);

/**
 * The compression that a reparse point with the tag of WOF names.
 * @param data reparse data behind the tag, its length and the reserved field
 * @throws UnsupportedFeatureError when the data is outside of the volume, or the provider or algorithm is not known
 * @throws CorruptImageError when the structure breaks off or has another version
 */
export function wofFormat(data: Uint8Array): ChunkFormat {
  const structure = 'WOF_EXTERNAL_INFO';
  if (data.length < WofExternalInfo.size) throw new CorruptImageError({ structure, reason: `${data.length} bytes` });
  const { version, provider } = WofExternalInfo.decode(data);
  if (version !== 1) throw new CorruptImageError({ structure, field: 'version', expected: 1, found: version });
  if (provider === WOF_PROVIDER_WIM) {
    throw new UnsupportedFeatureError({
      feature: 'a file whose data is in a WIM archive (WIMBoot)',
      structure,
      workaround: 'take the file from that archive',
    });
  }
  if (provider !== WOF_PROVIDER_FILE)
    throw new UnsupportedFeatureError({ feature: `WOF provider ${provider}`, structure });
  const { algorithm } = WofFileProviderInfo.decode(data, WofExternalInfo.size);
  const format = FORMATS.get(algorithm);
  if (format === undefined) throw new UnsupportedFeatureError({ feature: `WOF compression ${algorithm}`, structure });
  return format;
}
