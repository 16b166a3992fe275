import { Cbc, CIPHER_BLOCK, CIPHER_CHUNK, Xts } from '@vmcraft/core/block';
import type { BlockCipher, Ciphers } from '@vmcraft/core/contracts';
import type { VolumeKeys } from '../key/unlock.js';
import type { Method } from '../layout.js';
import { undiffuse } from './diffuser.js';

const SECTOR_KEY = 32;

/** Decrypts sectors of a volume. */
export interface VolumeCipher {
  /**
   * Decrypt whole sectors in place.
   * @param offset where they lie on the encrypted volume, bytes
   */
  decrypt(data: Uint8Array, offset: number): void;
  /** Overwrite the keys. */
  close(): void;
}

/** The cipher of a volume; the keys are copied. libbde, "Encryption methods". */
export function volumeCipher(method: Method, keys: VolumeKeys, sectorSize: number, ciphers: Ciphers): VolumeCipher {
  const decryptChunk =
    method.mode === 'xts' ? xtsChunks(keys, sectorSize, ciphers) : cbcChunks(keys, sectorSize, ciphers);
  return {
    decrypt: (data, offset) => {
      for (let at = 0; at < data.length; at += CIPHER_CHUNK) {
        const part = data.subarray(at, at + CIPHER_CHUNK);
        if (part.byteOffset % 4 === 0) {
          decryptChunk.decrypt(part, offset + at);
          continue;
        }
        const aligned = part.slice();
        decryptChunk.decrypt(aligned, offset + at);
        part.set(aligned);
        aligned.fill(0);
      }
    },
    close: () => decryptChunk.close(),
  };
}

function xtsChunks({ sector }: VolumeKeys, sectorSize: number, ciphers: Ciphers): VolumeCipher {
  const half = sector.length / 2;
  const xts = new Xts(ciphers.aes(sector.subarray(0, half)), ciphers.aes(sector.subarray(half)));
  return {
    decrypt: (chunk, offset) => xts.decrypt(chunk, numbers(chunk.length, offset, sectorSize, sectorSize)),
    close: () => xts.close(),
  };
}

function cbcChunks({ sector, tweak }: VolumeKeys, sectorSize: number, ciphers: Ciphers): VolumeCipher {
  const aes = ciphers.aes(sector);
  const cbc = new Cbc(aes);
  const tweakCipher = tweak === undefined ? undefined : ciphers.aes(tweak);
  return {
    decrypt: (chunk, offset) => {
      const offsets = numbers(chunk.length, offset, sectorSize, 1);
      cbc.decrypt(chunk, aes.encrypt(offsets));
      if (tweakCipher !== undefined) unmix(chunk, offsets, sectorSize, tweakCipher);
    },
    close: () => {
      cbc.close();
      tweakCipher?.close();
    },
  };
}

/** For each sector a little-endian number of 16 bytes: its offset in `unit`. */
function numbers(length: number, offset: number, sectorSize: number, unit: number): Uint8Array {
  const out = new Uint8Array((length / sectorSize) * CIPHER_BLOCK);
  const view = new DataView(out.buffer);
  for (let at = 0, i = 0; at < length; at += sectorSize, i += CIPHER_BLOCK) {
    view.setBigUint64(i, BigInt((offset + at) / unit), true);
  }
  return out;
}

/** Undo the diffusers and the sector key, which is the encrypted offset and the same with its highest bit set. */
function unmix(chunk: Uint8Array, offsets: Uint8Array, sectorSize: number, tweak: BlockCipher): void {
  const low = tweak.encrypt(offsets);
  for (let at = CIPHER_BLOCK - 1; at < offsets.length; at += CIPHER_BLOCK) offsets[at] = 0x80;
  const high = tweak.encrypt(offsets);
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
  const words = new Uint32Array(sectorSize / 4);
  const key = new Uint8Array(SECTOR_KEY);
  const keyView = new DataView(key.buffer);
  for (let at = 0, i = 0; at < chunk.length; at += sectorSize, i += CIPHER_BLOCK) {
    key.set(low.subarray(i, i + CIPHER_BLOCK));
    key.set(high.subarray(i, i + CIPHER_BLOCK), CIPHER_BLOCK);
    for (let w = 0; w < words.length; w++) words[w] = view.getUint32(at + w * 4, true);
    undiffuse(words);
    for (let w = 0; w < words.length; w++) {
      view.setUint32(at + w * 4, (words[w]! ^ keyView.getUint32((w % 8) * 4, true)) >>> 0, true);
    }
  }
  words.fill(0);
  key.fill(0);
}
