/** What pass 1 learned of the inodes, kept for the passes after it; tables only for groups with inodes in use. */
export class InodeFacts {
  readonly #groups = new Map<number, GroupFacts>();
  /** Entry a directory was found under: directory inode to parent inode. */
  readonly parents = new Map<number, number>();
  /** What `..` says: directory inode to parent inode. */
  readonly dotDots = new Map<number, number>();
  readonly directories: number[] = [];
  /** Inodes in use that no name leads to: attribute values, files of the file system itself, orphans. */
  readonly nameless = new Set<number>();

  constructor(private readonly inodesPerGroup: number) {}

  #of(ino: number): { facts: GroupFacts; index: number } | undefined {
    const group = Math.floor((ino - 1) / this.inodesPerGroup);
    const facts = this.#groups.get(group);
    return facts === undefined ? undefined : { facts, index: (ino - 1) % this.inodesPerGroup };
  }

  /** Note an inode in use. `type` is the upper four bits of the mode. */
  add(ino: number, type: number, links: number): void {
    const group = Math.floor((ino - 1) / this.inodesPerGroup);
    let facts = this.#groups.get(group);
    if (facts === undefined) {
      const n = this.inodesPerGroup;
      facts = { types: new Uint8Array(n), links: new Uint16Array(n), references: new Uint32Array(n) };
      this.#groups.set(group, facts);
    }
    const index = (ino - 1) % this.inodesPerGroup;
    facts.types[index] = type | IN_USE;
    facts.links[index] = links;
  }

  /** Upper four bits of the mode, or undefined when the inode is not in use. */
  typeOf(ino: number): number | undefined {
    const found = this.#of(ino);
    const type = found === undefined ? 0 : found.facts.types[found.index]!;
    return (type & IN_USE) === 0 ? undefined : type & 0xf;
  }

  /** A name leads to the inode. */
  refer(ino: number): void {
    const found = this.#of(ino);
    if (found !== undefined) found.facts.references[found.index]! += 1;
  }

  /** Every inode in use. */
  *all(): Generator<{ ino: number; type: number; links: number; references: number }> {
    for (const [group, facts] of this.#groups) {
      for (let i = 0; i < this.inodesPerGroup; i++) {
        const type = facts.types[i]!;
        if ((type & IN_USE) === 0) continue;
        const ino = group * this.inodesPerGroup + i + 1;
        yield { ino, type: type & 0xf, links: facts.links[i]!, references: facts.references[i]! };
      }
    }
  }
}

interface GroupFacts {
  readonly types: Uint8Array;
  readonly links: Uint16Array;
  readonly references: Uint32Array;
}

const IN_USE = 0x80;
