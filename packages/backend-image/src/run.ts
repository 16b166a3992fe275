import type { HostFile, ImageInfo, SectorCipher } from '@vmcraft/core';

/** Bytes that lie in a host file as they are. */
export interface StoredRun {
  readonly kind: 'stored';
  /** Bytes. */
  readonly length: number;
  readonly file: HostFile;
  /** Where in `file`, in bytes. */
  readonly position: number;
  /**
   * Unit in bytes in which the format allocates the file. When given, a unit that begins inside the file but ends past its end
   * reads as zeros there: writers that stop after the last sector of a guest leave such files.
   */
  readonly paddedUnit?: number;
  /** The bytes are encrypted, and `offset` is where the cipher counts them. */
  readonly cipher?: { readonly cipher: SectorCipher; readonly offset: number };
}

/** Bytes known to read as zeros; a hole is also unallocated. */
export interface ZeroRun {
  readonly kind: 'zero' | 'hole';
  readonly length: number;
}

/** Bytes this image does not have: they come from the image behind it. */
export interface AbsentRun {
  readonly kind: 'absent';
  readonly length: number;
}

/** Bytes within a compressed unit. */
export interface PackedRun {
  readonly kind: 'packed';
  readonly length: number;
  /** Where the run begins in the unpacked unit, in bytes. */
  readonly start: number;
  /** The whole unit, unpacked. Callers must not change it. */
  unpack(): Promise<Uint8Array>;
}

/** Where a span of a guest disk is stored. */
export type Run = StoredRun | ZeroRun | AbsentRun | PackedRun;

/** A disk image of any format, opened for reading: a map from guest bytes to runs. */
export interface DiskImage {
  readonly info: ImageInfo;
  /** Bytes. */
  readonly size: number;
  readonly sectorSize: 512 | 4096;
  /** Host path, when the guest disk is that file byte for byte and a host tool may use it. */
  readonly plainPath?: string;
  /** The image behind this one, from which absent runs are read; it may be shorter. */
  readonly backing?: DiskImage;
  /**
   * The run that begins at `offset`, from 1 to `limit` bytes long. The answer comes at once when the metadata is cached.
   * The span lies within `size`.
   */
  runAt(offset: number, limit: number): Run | Promise<Run>;
  close(): Promise<void>;
}
