import type { AntiForensic } from '../key/anti-forensic.js';
import type { Kdf } from '../key/kdf.js';

/** One key slot that holds a key. */
export interface KeySlot {
  readonly id: number;
  /** Bytes of the key in it. */
  readonly keyBytes: number;
  /** 0: only when named, 1: normal, 2: first. */
  readonly priority: number;
  readonly kdf: Kdf;
  readonly af: AntiForensic;
  /** Where its stripes are, bytes from the start of the header's device, and how they are encrypted. */
  readonly area: {
    readonly offset: number;
    readonly size: number;
    readonly cipher: string;
    readonly keyBytes: number;
  };
  readonly digest: KeyDigest;
}

/** Tells a right volume key from a wrong one. */
export interface KeyDigest {
  readonly hash: string;
  readonly iterations: number;
  readonly salt: Uint8Array;
  readonly digest: Uint8Array;
}

/** Where the data of a container is. */
export interface Payload {
  /** Bytes from the start of the data device. */
  readonly offset: number;
  /** Bytes; undefined means up to the end. */
  readonly size: number | undefined;
  readonly cipher: string;
  readonly sectorSize: number;
  /** Units of 512 bytes. */
  readonly ivOffset: number;
}

/** What both versions have in common. */
export interface LuksHeader {
  readonly version: 1 | 2;
  readonly uuid: string;
  readonly label: string;
  readonly payload: Payload;
  /** Bytes from the start that header and key slots take. */
  readonly headerBytes: number;
  /** Slots whose key opens the payload, the preferred ones first. */
  readonly slots: readonly KeySlot[];
}
