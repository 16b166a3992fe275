import { decodeUtf8, encodeUtf16 } from '@vmcraft/core/binary';
import { isVmcraftError } from '@vmcraft/core/errors';
import { EntryType, ExternalKeyHead, KEY_HEAD, MetadataHeader, ValueType } from '../layout.js';
import { readEntries } from '../metadata/entries.js';
import { createSha256, digest } from './hash.js';

const RECOVERY_GROUPS = 8;
/** Each group of six digits is a number of 16 bits times this. */
const RECOVERY_FACTOR = 11;
/** A startup key file is 156 bytes; one with a long description is little more. */
const MAX_BEK = 65536;

/** A startup key and the protector it belongs to. */
export interface ExternalKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** The 16 bytes that a recovery key of 48 digits stands for; undefined when the text is none. libbde, "Recovery key". */
export function parseRecoveryKey(secret: Uint8Array): Uint8Array | undefined {
  if (secret.length > 100) return undefined;
  const digits = decodeUtf8(secret).replaceAll(/[\s-]/g, '');
  if (!/^\d{48}$/.test(digits)) return undefined;
  const key = new Uint8Array(RECOVERY_GROUPS * 2);
  const view = new DataView(key.buffer);
  for (let i = 0; i < RECOVERY_GROUPS; i++) {
    const group = Number(digits.slice(i * 6, i * 6 + 6));
    const value = group / RECOVERY_FACTOR;
    if (!Number.isInteger(value) || value > 0xffff) return undefined;
    view.setUint16(i * 2, value, true);
  }
  return key;
}

/** The keys in a startup key file; none when the bytes are no such file. libbde, "BitLocker External Key (BEK) file". */
export function parseExternalKeys(secret: Uint8Array): readonly ExternalKey[] {
  if (secret.length < MetadataHeader.size || secret.length > MAX_BEK) return [];
  const header = MetadataHeader.decode(secret);
  if (header.version !== 1 || header.headerSize !== MetadataHeader.size || header.size !== header.sizeCopy) return [];
  if (header.size < MetadataHeader.size || header.size > secret.length) return [];
  try {
    return readEntries(secret.subarray(header.headerSize, header.size), header.headerSize)
      .filter((e) => e.entryType === EntryType.startupKey && e.valueType === ValueType.externalKey)
      .flatMap(({ data }) => {
        const { id } = ExternalKeyHead.decode(data);
        const properties = readEntries(data.subarray(ExternalKeyHead.size), ExternalKeyHead.size);
        return properties
          .filter((e) => e.valueType === ValueType.key)
          .map((e) => ({ id, key: e.data.subarray(KEY_HEAD) }));
      });
  } catch (error) {
    // A password may begin like a file: then it is none.
    if (isVmcraftError(error)) return [];
    throw error;
  }
}

/** The digest that a recovery key is stretched from. */
export async function recoveryDigest(key: Uint8Array): Promise<Uint8Array> {
  return digest(await createSha256(), key);
}

/** The digest that a password is stretched from: its UTF-16 hashed twice. libbde, "User key". */
export async function passwordDigest(secret: Uint8Array): Promise<Uint8Array> {
  const text = encodeUtf16(decodeUtf8(secret));
  const hasher = await createSha256();
  const once = digest(hasher, text);
  text.fill(0);
  const twice = digest(hasher, once);
  once.fill(0);
  return twice;
}
