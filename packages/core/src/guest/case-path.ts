import { FsError } from '../errors/index.js';
import type { Location } from '../vfs/index.js';
import type { Session } from './session.js';

const ACTION = 'case_sensitive_path';

/**
 * The path whose names differ from the given ones in case only. An exact match wins.
 * @throws FsError ENOENT when a directory on the way is missing, ENOTDIR; EEXIST-like ambiguity is EINVAL
 */
export async function caseSensitivePath(g: Session, path: string): Promise<string> {
  const names = path.split('/').filter((name) => name !== '');
  let at = g.vfs.root;
  let result = '';
  for (const [i, name] of names.entries()) {
    if (name === '.' || name === '..')
      throw new FsError('EINVAL', { operation: ACTION, path, reason: `'${name}' in the path` });
    if (!(await at.isDirectory())) throw new FsError('ENOTDIR', { operation: ACTION, path });
    const actual = await findName(g, at, name, path);
    if (actual === undefined) {
      if (i === names.length - 1) return `${result}/${name}`;
      throw new FsError('ENOENT', { operation: ACTION, path });
    }
    result += `/${actual}`;
    if (i < names.length - 1) at = await g.vfs.resolve(result, ACTION);
  }
  return result === '' ? '/' : result;
}

async function findName(g: Session, dir: Location, name: string, path: string): Promise<string | undefined> {
  const folded = fold(name);
  const found: string[] = [];
  for await (const entry of dir.mount.fs.readdir(dir.node, { signal: g.signal })) {
    if (entry.name === name) return name;
    if (fold(entry.name) === folded) found.push(entry.name);
  }
  if (found.length <= 1) return found[0];
  throw new FsError('EINVAL', {
    operation: ACTION,
    path,
    reason: `'${found[0]}' and '${found[1]}' differ only in case`,
  });
}

/** As strcasecmp(3) does it, and for other alphabets too. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}
