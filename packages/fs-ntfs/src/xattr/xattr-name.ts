/** What an extended attribute's name stands for. */
export type XattrName =
  | { readonly kind: 'stream'; readonly stream: string }
  | { readonly kind: 'system'; readonly name: string };

const USER = 'user.';
const SYSTEM = 'system.ntfs_';
/** Streams in which ntfs-3g keeps attributes of the other namespaces; it does not list them. */
const FOREIGN_STREAM = 'ntfs-3g.';
const FOREIGN = ['security.', 'trusted.', 'system.'];

/** What a name stands for; undefined when NTFS has no place for it. */
export function parseXattrName(name: string): XattrName | undefined {
  if (name.startsWith(SYSTEM)) return { kind: 'system', name: name.slice('system.'.length) };
  if (name.startsWith(USER) && name.length > USER.length) return { kind: 'stream', stream: name.slice(USER.length) };
  const isForeign = FOREIGN.some((prefix) => name.startsWith(prefix) && name.length > prefix.length);
  return isForeign ? { kind: 'stream', stream: FOREIGN_STREAM + name } : undefined;
}

/** The name under which a stream is listed; undefined for those that are not. */
export function xattrNameOf(stream: string): string | undefined {
  return stream === '' || stream.startsWith(FOREIGN_STREAM) ? undefined : USER + stream;
}
