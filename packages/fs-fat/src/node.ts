import type { FsNode } from '@vmcraft/core/contracts';
import { ClusterChain } from './cluster-chain.js';
import type { DirectoryIndex } from './directory-index.js';
import type { DosStamp } from './dos-time.js';
import { Attribute } from './layout.js';
import type { Volume } from './volume.js';

/** What a directory keeps about an object. Stamps are as on the device; zones are exFAT's UTC offset bytes. */
export interface EntryFields {
  attributes: number;
  firstCluster: number;
  /** Bytes; 0 for a FAT directory. */
  size: number;
  /** exFAT: bytes up to here have been written, the rest reads as zeros. Equal to `size` for FAT. */
  validSize: number;
  /** exFAT: clusters are consecutive and not linked in the table. */
  contiguous: boolean;
  created: DosStamp;
  createdHundredths: number;
  createdZone: number;
  modified: DosStamp;
  modifiedHundredths: number;
  modifiedZone: number;
  accessed: DosStamp;
  accessedZone: number;
}

/** Where in its directory an object's entries lie, in slots of 32 bytes. */
export interface EntryPlace {
  slot: number;
  slotCount: number;
  /** Device offset of the primary entry, bytes: the object's identity. */
  position: number;
}

/** One object as parsed from a directory. */
export interface ParsedEntry extends EntryFields, EntryPlace {
  readonly name: string;
  /** Short name, when the object has a long one too. */
  readonly alias?: string;
  /** Why this object must not be changed; undefined for most. */
  readonly frozen?: string;
}

/** A file or directory of an opened volume. */
export class ClusterNode implements FsNode {
  readonly ino: number;
  /** Undefined for the root only. */
  parent: ClusterNode | undefined;
  readonly fields: EntryFields;
  readonly place: EntryPlace;
  readonly frozen: string | undefined;
  /** Of a directory that has been searched by name. */
  index: DirectoryIndex | undefined;
  /** Count of subdirectories, once known. */
  subdirectories: number | undefined;
  deleted = false;
  /** A directory that contains itself; nothing can be below it. */
  cyclic = false;
  readonly #volume: Volume;
  #chain: ClusterChain | undefined;

  constructor(volume: Volume, ino: number, parent: ClusterNode | undefined, entry: ParsedEntry) {
    this.#volume = volume;
    this.ino = ino;
    this.parent = parent;
    this.frozen = entry.frozen;
    this.place = { slot: entry.slot, slotCount: entry.slotCount, position: entry.position };
    this.fields = {
      attributes: entry.attributes,
      firstCluster: entry.firstCluster,
      size: entry.size,
      validSize: entry.validSize,
      contiguous: entry.contiguous,
      created: entry.created,
      createdHundredths: entry.createdHundredths,
      createdZone: entry.createdZone,
      modified: entry.modified,
      modifiedHundredths: entry.modifiedHundredths,
      modifiedZone: entry.modifiedZone,
      accessed: entry.accessed,
      accessedZone: entry.accessedZone,
    };
  }

  get isDirectory(): boolean {
    return (this.fields.attributes & Attribute.directory) !== 0;
  }

  get isRoot(): boolean {
    return this.parent === undefined;
  }

  /** Its clusters. @throws CorruptImageError when they start outside the volume */
  get chain(): ClusterChain {
    if (this.#chain === undefined) {
      const { firstCluster, contiguous, size } = this.fields;
      const count = contiguous ? Math.ceil(size / this.#volume.geometry.clusterSize) : undefined;
      this.#chain = new ClusterChain(this.#volume, firstCluster, count);
    }
    return this.#chain;
  }

  /** Take over where the chain starts, after it changed. */
  adoptChain(): void {
    this.fields.firstCluster = this.chain.first;
    this.fields.contiguous = this.chain.contiguous && this.chain.first !== 0;
  }
}

/** Attributes and stamps of something with none: the root. */
export function blankFields(attributes: number): EntryFields {
  return {
    attributes,
    firstCluster: 0,
    size: 0,
    validSize: 0,
    contiguous: false,
    created: 0,
    createdHundredths: 0,
    createdZone: 0,
    modified: 0,
    modifiedHundredths: 0,
    modifiedZone: 0,
    accessed: 0,
    accessedZone: 0,
  };
}
