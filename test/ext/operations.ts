/** A path inside the file system: components joined by `/`, empty for the root. */
export type GuestPath = string;

interface AtPath<Name extends string> {
  readonly op: Name;
  readonly path: GuestPath;
}

/** One file operation in concrete terms; the same object goes to our engine and to the kernel. */
export type Operation =
  | (AtPath<'create' | 'mkdir' | 'chmod'> & { readonly mode: number })
  | (AtPath<'write' | 'append'> & { readonly offset: number; readonly length: number; readonly seed: number })
  | (AtPath<'truncate'> & { readonly size: number })
  | AtPath<'unlink' | 'rmdir'>
  | (AtPath<'rename' | 'link'> & { readonly to: GuestPath })
  | (AtPath<'symlink'> & { readonly target: string })
  | (AtPath<'mknod'> & { readonly mode: number; readonly major: number; readonly minor: number })
  | (AtPath<'chown'> & { readonly uid: number; readonly gid: number })
  | (AtPath<'utimens'> & { readonly atime: readonly [number, number]; readonly mtime: readonly [number, number] })
  | (AtPath<'setxattr'> & { readonly name: string; readonly value: string })
  | (AtPath<'removexattr'> & { readonly name: string })
  | (AtPath<'punch' | 'allocate'> & { readonly offset: number; readonly length: number })
  | (AtPath<'bulkCreate'> & { readonly prefix: string; readonly first: number; readonly count: number })
  | (AtPath<'bulkUnlink'> & {
      readonly prefix: string;
      readonly first: number;
      readonly count: number;
      readonly step: number;
    });

const PATTERN = Uint8Array.from({ length: 251 * 8192 }, (_, i) => (i % 251) + 1);

/** The bytes a `write` or `append` puts into a file. */
export function contentOf(operation: { readonly length: number; readonly seed: number }): Uint8Array {
  if (operation.seed < 0) return new Uint8Array(operation.length);
  const start = operation.seed % 251;
  return PATTERN.subarray(start, start + operation.length);
}

/** Names of a bulk operation. */
export function bulkNames(operation: { prefix: string; first: number; count: number; step?: number }): string[] {
  const names: string[] = [];
  const step = operation.step ?? 1;
  for (let i = operation.first; i < operation.first + operation.count; i += step) names.push(`${operation.prefix}${i}`);
  return names;
}
