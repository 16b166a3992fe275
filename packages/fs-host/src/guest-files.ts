import { type FileSystem, type FsNode, S_IFLNK, S_IFMT } from '@vmcraft/core';

/** Links followed to find a file of the guest. */
const MAX_LINKS = 8;

/** A file of the guest's root by names; links are followed within it, a few times. */
export async function findInGuest(fs: FileSystem, names: readonly string[], links = 0): Promise<FsNode | undefined> {
  let node: FsNode = fs.root;
  for (const [i, name] of names.entries()) {
    const next: FsNode | undefined = await fs.lookup(node, name).catch(() => undefined);
    if (next === undefined) return undefined;
    if (((await fs.stat(next)).mode & S_IFMT) === S_IFLNK) {
      if (links >= MAX_LINKS) return undefined;
      const target = await fs.readlink(next);
      const start = target.startsWith('/') ? [] : names.slice(0, i);
      return findInGuest(fs, normalise([...start, ...target.split('/'), ...names.slice(i + 1)]), links + 1);
    }
    node = next;
  }
  return node;
}

function normalise(names: readonly string[]): string[] {
  const out: string[] = [];
  for (const name of names) {
    if (name === '..') out.pop();
    else if (name !== '' && name !== '.') out.push(name);
  }
  return out;
}

/** What the guest calls itself. */
export async function guestName(fs: FileSystem): Promise<string> {
  const node = await findInGuest(fs, ['etc', 'hostname']);
  if (node === undefined) return 'localhost';
  const text = new TextDecoder().decode(await fs.read(node, 0, 256).catch(() => new Uint8Array()));
  return /^[A-Za-z0-9.-]{1,64}(?=\s|$)/.exec(text.trim())?.[0] ?? 'localhost';
}
