import {
  CapabilityError,
  CorruptImageError,
  FileDevice,
  type HostFile,
  type SectorCipher,
  SliceDevice,
  TruncatedImageError,
  toSafeInteger,
  UnsupportedFeatureError,
} from '@vmcraft/core';
import type { OpenedChain } from '../chain.js';
import { type Extension, findExtension } from './extensions.js';
import * as L from './layout.js';

/** How the guest clusters of an image are encrypted. Metadata never is. */
export type Encryption =
  | { readonly method: 'aes' }
  /** Where the LUKS header and its key slots are, bytes. */
  | { readonly method: 'luks'; readonly offset: number; readonly length: number };

/** Longest header: that of LUKS1 with the longest key and eight slots is 2 MiB. */
const MAX_LUKS_HEADER = 16 << 20;
/** Bytes of the key of the old method: the passphrase itself, cut or padded with zeros. */
const AES_KEY = 16;

/** What the header says. @throws UnsupportedFeatureError, CorruptImageError */
export function encryptionOf(method: number, extensions: readonly Extension[]): Encryption | undefined {
  if (method === 0) return undefined;
  if (method === L.CRYPT_METHOD.aes) return { method: 'aes' };
  if (method !== L.CRYPT_METHOD.luks) {
    throw new UnsupportedFeatureError({ feature: `encryption method ${method}`, structure: 'qcow2' });
  }
  const extension = findExtension(extensions, L.EXTENSION.encryption);
  const citation = 'qcow2, "Full disk encryption header pointer"';
  if (extension === undefined) {
    throw new CorruptImageError({
      structure: 'qcow2.header',
      reason: 'LUKS without a pointer to its header',
      citation,
    });
  }
  const pointer = L.EncryptionPointer.decode(extension.data, 0, extension.offset);
  const offset = toSafeInteger(pointer.offset, 'qcow2.encryption.offset');
  const length = toSafeInteger(pointer.length, 'qcow2.encryption.length');
  if (length > MAX_LUKS_HEADER || offset === 0) {
    throw new CorruptImageError({ structure: 'qcow2.encryption', field: 'length', found: length, citation });
  }
  return { method: 'luks', offset, length };
}

/**
 * The cipher of the clusters, by a key of the session.
 * @throws CredentialError, CapabilityError when nothing here can decrypt, or the old method is to be written
 */
export async function openCipher(file: HostFile, encryption: Encryption, chain: OpenedChain): Promise<SectorCipher> {
  const { path, writable } = chain.request;
  const { decryptor } = chain;
  if (decryptor === undefined) {
    throw new CapabilityError({ capability: 'decrypt', subject: path, reason: 'no keys reach it here' });
  }
  if (encryption.method === 'aes') {
    const reason = 'the old AES encryption of qcow2 is only read; qemu-img convert makes it LUKS';
    if (writable) throw new CapabilityError({ capability: 'write', subject: path, reason });
    return decryptor.plainCipher('aes-cbc-plain64', path, padKey);
  }
  const { offset, length } = encryption;
  if (offset + length > file.size) {
    const available = Math.max(0, file.size - offset);
    throw new TruncatedImageError({ structure: 'qcow2 LUKS header', offset, needed: length, available });
  }
  const header = new SliceDevice(new FileDevice(file), offset, length, { name: 'LUKS header', writable: false });
  return decryptor.luksCipher(header, path);
}

/** Docs of qemu, "AES": the first 16 bytes of the passphrase are the key. */
function padKey(passphrase: Uint8Array): Uint8Array {
  const key = new Uint8Array(AES_KEY);
  key.set(passphrase.subarray(0, AES_KEY));
  return key;
}
