/** Numbers below this are of the subvolume that is open, as they are on disk. */
const OWN_LIMIT = 2 ** 40;
/** Others: the subvolume's id above, the inode number below. */
const INODE_BITS = 2 ** 32;
const MAX_SUBVOLUME = 2 ** 20;

/**
 * Inode numbers that are unique in the whole file system. On disk they are so in their subvolume only; the kernel gives each subvolume a
 * device number of its own instead.
 */
export class NodeNumbers {
  readonly #unusual = new Map<string, number>();

  constructor(private readonly own: number) {}

  numberOf(subvolume: number, objectid: number): number {
    if (subvolume === this.own && objectid < OWN_LIMIT) return objectid;
    if (subvolume < MAX_SUBVOLUME && objectid < INODE_BITS) return OWN_LIMIT + subvolume * INODE_BITS + objectid;
    const name = `${subvolume}:${objectid}`;
    let number = this.#unusual.get(name);
    if (number === undefined) {
      number = Number.MAX_SAFE_INTEGER - this.#unusual.size;
      this.#unusual.set(name, number);
    }
    return number;
  }
}
