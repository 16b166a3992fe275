/**
 * A block cipher with its key, applied to each block of 16 bytes by itself (ECB). The modes that disks use (XTS, CBC with ESSIV …)
 * are made of it, so that one call into the host's cryptography serves a whole read.
 */
export interface BlockCipher {
  /** New bytes; `data` is a whole number of blocks and stays as it is. */
  encrypt(data: Uint8Array): Uint8Array;
  /** New bytes; `data` is a whole number of blocks and stays as it is. */
  decrypt(data: Uint8Array): Uint8Array;
  /** Forget the key, as far as the host can. The cipher must not be used afterwards. */
  close(): void;
}

/** Role of a platform: block ciphers of native speed. */
export interface Ciphers {
  /** AES. The key (16, 24 or 32 bytes) is copied; the caller overwrites its own. */
  aes(key: Uint8Array): BlockCipher;
}

/** The cipher of what an image or container holds, sector by sector. */
export interface SectorCipher {
  /** Bytes that are encrypted as one. */
  readonly sectorSize: number;
  /**
   * Decrypt whole sectors in place.
   * @param offset where `data` begins, bytes from the start of the payload (or of the file, where the format counts so)
   */
  decrypt(data: Uint8Array, offset: number): void;
  /** Encrypt whole sectors in place; see {@link decrypt}. */
  encrypt(data: Uint8Array, offset: number): void;
  /** Overwrite the keys. */
  close(): void;
}
