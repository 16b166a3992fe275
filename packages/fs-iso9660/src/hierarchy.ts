import type { BlockDevice } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import {
  decodeEntry,
  type Entry,
  hasMore,
  isDotEntry,
  readEntries,
  readSpan,
  type Section,
} from './directory-record.js';
import { DirectoryRecord, FileFlag, SECTOR } from './layout.js';
import { jolietName, plainName } from './names.js';
import { type RockRidge, rockRidge, serialOf } from './rock-ridge.js';
import { readSystemUse, sharingSkip } from './system-use.js';
import type { Volume } from './volume.js';

/** Records that one file may be made of: 4 GiB each. */
const MAX_SECTIONS = 4096;

/** Which names are shown. */
export type NameSpace = 'rock-ridge' | 'joliet' | 'plain';

/** An object of the tree, before it has a number. */
export interface Found {
  readonly name: string;
  readonly isDirectory: boolean;
  /** Contents, in order; of a directory one run. */
  readonly sections: readonly Section[];
  /** Offset of its record on the device, bytes. */
  readonly offset: number;
  readonly entry: Entry;
  readonly rockRidge: RockRidge;
  /** Number that Rock Ridge gives the file. */
  readonly serial?: number;
}

/** Which hierarchy of the disc to use. */
export interface HierarchyOptions {
  readonly rockRidge: boolean;
  readonly joliet: boolean;
}

/** One of the directory hierarchies of a disc. */
export class Hierarchy {
  private constructor(
    private readonly device: BlockDevice,
    private readonly blockSize: number,
    readonly names: NameSpace,
    /** Bytes to pass over in each system use area, where Rock Ridge is used. */
    private readonly skip: number,
    readonly root: Found,
  ) {}

  /** Choose as Linux does: Rock Ridge where there is any, else Joliet, else the plain names. @throws CorruptImageError */
  static async open(device: BlockDevice, volume: Volume, options: HierarchyOptions): Promise<Hierarchy> {
    const { blockSize } = volume;
    const primary = decodeEntry(volume.root, 0, 0, blockSize);
    const self = await selfOf(device, primary.section.start, blockSize);
    const skip = options.rockRidge ? sharingSkip(self.systemUse) : undefined;
    if (skip !== undefined) {
      const entries = await readSystemUse(device, blockSize, self.systemUse, 0);
      if (entries.some((e) => ['PX', 'RR', 'NM'].includes(e.signature))) {
        return new Hierarchy(device, blockSize, 'rock-ridge', skip, rootOf(self, rockRidge(entries)));
      }
    }
    if (options.joliet && volume.jolietRoot !== undefined) {
      const root = decodeEntry(volume.jolietRoot, 0, 0, blockSize);
      return new Hierarchy(device, blockSize, 'joliet', 0, rootOf(root, {}));
    }
    return new Hierarchy(device, blockSize, 'plain', 0, rootOf(primary, {}));
  }

  /** Objects of a directory in the disc's order. */
  async *list(directory: Section): AsyncGenerator<Found> {
    let sections: Section[] = [];
    for await (const entry of readEntries(this.device, directory, this.blockSize)) {
      if (isDotEntry(entry)) continue;
      sections.push(entry.section);
      if (sections.length > MAX_SECTIONS) {
        throw new CorruptImageError({ structure: 'DirectoryRecord', reason: 'a file has too many sections' });
      }
      if (hasMore(entry)) continue;
      // Section 9.1.6: an associated file belongs to the record after it; Linux does not show it either.
      const found = (entry.flags & FileFlag.associated) !== 0 ? undefined : await this.#found(entry, sections);
      sections = [];
      if (found !== undefined) yield found;
    }
  }

  async #found(entry: Entry, sections: readonly Section[]): Promise<Found | undefined> {
    const isDirectory = (entry.flags & FileFlag.directory) !== 0;
    if (this.names !== 'rock-ridge') {
      const name = this.names === 'joliet' ? jolietName(entry.identifier) : plainName(entry.identifier);
      return { name, isDirectory, sections, offset: entry.offset, entry, rockRidge: {} };
    }
    const entries = await readSystemUse(this.device, this.blockSize, entry.systemUse, this.skip);
    const rr = rockRidge(entries);
    if (rr.isRelocated === true) return undefined;
    const name = rr.name ?? plainName(entry.identifier);
    if (rr.movedTo !== undefined) return this.#moved(name, rr.movedTo);
    const serial = serialOf(entries);
    const found = { name, isDirectory, sections, offset: entry.offset, entry, rockRidge: rr };
    return serial === undefined ? found : { ...found, serial };
  }

  /** A directory that lies elsewhere because it was too deep (RRIP, section 4.1.5): all about it is in its own first record. */
  async #moved(name: string, block: number): Promise<Found> {
    const self = await selfOf(this.device, block * this.blockSize, this.blockSize);
    const rr = rockRidge(await readSystemUse(this.device, this.blockSize, self.systemUse, this.skip));
    return { ...rootOf(self, rr), name };
  }
}

/** The first record of the directory that begins at `start`: the directory itself. */
async function selfOf(device: BlockDevice, start: number, blockSize: number): Promise<Entry> {
  const sector = await readSpan(device, start, Math.min(SECTOR, Math.max(0, device.size - start)));
  if ((sector[0] ?? 0) < DirectoryRecord.size) {
    throw new CorruptImageError({ structure: 'DirectoryRecord', offset: start, reason: 'no directory begins here' });
  }
  return decodeEntry(sector, 0, start, blockSize);
}

const rootOf = (entry: Entry, rr: RockRidge): Found => ({
  name: '',
  isDirectory: true,
  sections: [entry.section],
  offset: entry.section.start,
  entry,
  rockRidge: rr,
});
