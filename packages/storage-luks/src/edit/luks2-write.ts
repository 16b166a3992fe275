import type { BlockDevice } from '@vmcraft/core/contracts';
import { type JsonObject, toBase64 } from '../header/json-fields.js';
import { type BinaryHeader, encodePair } from '../header/luks2-binary.js';
import type { Kdf } from '../key/kdf.js';
import type { SlotPlace } from '../key/slot-area.js';

/** Write both headers with the next sequence number: the first is whole before the second is touched. */
export async function writeMetadata(
  device: BlockDevice,
  header: BinaryHeader,
  randomBytes: (length: number) => Uint8Array,
): Promise<void> {
  const [first, second] = await encodePair({ ...header, sequence: header.sequence + 1 }, randomBytes);
  await device.write(0, first);
  await device.flush();
  await device.write(header.size, second);
  await device.flush();
}

/** A key slot as the metadata has it. LUKS2 On-Disk Format 1.1.2, section 3.2. */
export function slotJson({ keyBytes, kdf, af, area }: SlotPlace): JsonObject {
  return {
    type: 'luks2',
    key_size: keyBytes,
    af: { type: 'luks1', stripes: af.stripes, hash: af.hash },
    area: {
      type: 'raw',
      offset: String(area.offset),
      size: String(area.size),
      encryption: area.cipher,
      key_size: area.keyBytes,
    },
    kdf: kdfJson(kdf),
  };
}

function kdfJson(kdf: Kdf): JsonObject {
  const salt = toBase64(kdf.salt);
  if (kdf.type === 'pbkdf2') return { type: kdf.type, hash: kdf.hash, iterations: kdf.iterations, salt };
  return { type: kdf.type, time: kdf.time, memory: kdf.memory, cpus: kdf.cpus, salt };
}
