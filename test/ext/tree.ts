/** What is compared of one object. Times are nanoseconds since the epoch, in decimal. */
export interface TreeEntry {
  readonly path: string;
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly atime: string;
  readonly mtime: string;
  readonly xattrs: Readonly<Record<string, string>>;
  readonly size?: number;
  /** sha256 of offset and bytes of all 1 KiB chunks that are not zero. */
  readonly digest?: string;
  readonly target?: string;
  readonly rdev?: readonly [number, number];
}

/** The entries with times kept only where the test set them. */
export function comparable(tree: readonly TreeEntry[], timed: ReadonlySet<string>): unknown[] {
  return tree.map(({ atime, mtime, ...rest }) => (timed.has(rest.path) ? { ...rest, atime, mtime } : rest));
}

/** The differences of two trees in words, at most `limit`. */
export function describeDifferences(
  ours: readonly TreeEntry[],
  theirs: readonly TreeEntry[],
  timed: ReadonlySet<string>,
  limit = 10,
): string[] {
  const a = new Map(comparable(ours, timed).map((e) => [(e as TreeEntry).path, JSON.stringify(e)]));
  const b = new Map(comparable(theirs, timed).map((e) => [(e as TreeEntry).path, JSON.stringify(e)]));
  const out: string[] = [];
  for (const path of new Set([...a.keys(), ...b.keys()])) {
    if (a.get(path) !== b.get(path)) out.push(`ours   ${a.get(path)}\ntheirs ${b.get(path)}`);
  }
  return out.slice(0, limit).map((line) => line.slice(0, 1500));
}
