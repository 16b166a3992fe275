import type { Method } from '../layout.js';

/** Bytes encrypted with AES-CCM. */
export interface WrappedKey {
  readonly nonce: Uint8Array;
  readonly mac: Uint8Array;
  readonly data: Uint8Array;
}

/** A way to the volume master key. */
export interface Protector {
  /** GUID, lower case; a startup key file names it. */
  readonly id: string;
  /** Bits of `Protection`. */
  readonly protection: number;
  readonly salt?: Uint8Array;
  /** A key that lies in the open: protection is suspended. */
  readonly clearKey?: Uint8Array;
  readonly wrapped?: WrappedKey;
}

/** What the metadata of a volume says. */
export interface Metadata {
  readonly version: number;
  readonly volumeId: string;
  readonly label: string;
  readonly method: Method;
  readonly protectors: readonly Protector[];
  /** The key of the sectors, encrypted with the volume master key. */
  readonly fvek: WrappedKey;
  /** The digest of the metadata, encrypted with the volume master key. */
  readonly seal?: WrappedKey;
  /** The bytes that the digest covers. */
  readonly sealed: Uint8Array;
  /** Bytes from the start that are encrypted; undefined for all. */
  readonly encryptedSize: number | undefined;
  /** While data is encrypted as it is written: the spans that are, in order; they count instead of `encryptedSize`. */
  readonly encryptedSpans?: readonly { readonly start: number; readonly end: number }[];
  /** Where the first sectors lie, and how many bytes; undefined on Windows Vista, which leaves them. */
  readonly movedHeader: { readonly offset: number; readonly size: number } | undefined;
  /** Windows Vista: cluster of the MFT mirror, whose field in the boot sector points at the metadata. */
  readonly mftMirror: bigint;
  /** Spans that the volume shows as zeros. */
  readonly hidden: readonly { readonly offset: number; readonly size: number }[];
}
