import type { FileSystem, FsAbilities, FsNode } from '@vmcraft/core/contracts';
import fc from 'fast-check';

/** One operation on paths; the same list goes to our engine, to the model and to the kernel. */
export type Operation =
  | {
      readonly op: 'write';
      readonly path: string;
      readonly offset: number;
      readonly length: number;
      readonly seed: number;
    }
  | { readonly op: 'truncate'; readonly path: string; readonly size: number }
  | { readonly op: 'mkdir'; readonly path: string }
  | { readonly op: 'unlink'; readonly path: string }
  | { readonly op: 'rmdir'; readonly path: string }
  | { readonly op: 'rename'; readonly from: string; readonly to: string }
  | { readonly op: 'sync' };

const NAMES = [
  'a',
  'B',
  'README.TXT',
  'readme.md',
  'Long name with spaces.text',
  'another quite long file name.tar.gz',
  'x'.repeat(60),
  'naïve café',
  '日本語のファイル',
  '😀 emoji.txt',
  '.hidden',
  'many.dots.in.name',
  'longfilename1.dat',
  'longfilename2.dat',
  'longfilename3.dat',
  'UPPER.DAT',
  'n+a,m=e',
] as const;

const name = fc.constantFrom(...NAMES);
const folder = fc.constantFrom('dir', 'Sub Directory', 'naïve café');
/** Few folders, so that most paths lead somewhere. */
const path = fc
  .tuple(fc.array(folder, { maxLength: 2 }), fc.oneof({ weight: 3, arbitrary: name }, folder))
  .map(([above, last]) => [...above, last].join('/'));

/** Random operations; `unit` is about the size of a cluster. */
export function operations(unit: number, count: number): fc.Arbitrary<Operation[]> {
  const size = fc.oneof(
    fc.integer({ min: 0, max: unit * 6 }),
    fc.integer({ min: 0, max: 3 }).map((n) => n * unit),
  );
  const seed = fc.integer({ min: 1, max: 1 << 30 });
  const one: fc.Arbitrary<Operation> = fc.oneof(
    { weight: 8, arbitrary: fc.record({ op: fc.constant('write' as const), path, offset: size, length: size, seed }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('truncate' as const), path, size }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('mkdir' as const), path }) },
    { weight: 3, arbitrary: fc.record({ op: fc.constant('unlink' as const), path }) },
    { weight: 2, arbitrary: fc.record({ op: fc.constant('rmdir' as const), path }) },
    { weight: 4, arbitrary: fc.record({ op: fc.constant('rename' as const), from: path, to: path }) },
    { weight: 1, arbitrary: fc.constant({ op: 'sync' as const }) },
  );
  return fc.array(one, { minLength: count, maxLength: count });
}

/** Bytes of a write. */
export function bytesOf(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length);
  for (let i = 0, x = seed; i < length; i++) {
    x = (Math.imul(x, 1103515245) + 12345) >>> 0;
    out[i] = x >>> 16;
  }
  return out;
}

/** A tree in memory: `undefined` stands for a directory. Names compare without regard to case. */
export class TreeModel {
  readonly #objects = new Map<string, { path: string; data: Uint8Array | undefined }>();

  /** Paths and contents; directories have none. */
  entries(): Map<string, Uint8Array | undefined> {
    return new Map([...this.#objects.values()].map(({ path: at, data }) => [at, data]));
  }

  #get(at: string): { path: string; data: Uint8Array | undefined } | undefined {
    return this.#objects.get(at.toUpperCase());
  }

  /** The path as its parents are spelt, or an error code. */
  #parent(at: string): string {
    const slash = at.lastIndexOf('/');
    if (slash < 0) return at;
    const parent = this.#walk(at.slice(0, slash));
    return `${parent.path}/${at.slice(slash + 1)}`;
  }

  #walk(at: string): { path: string; data: Uint8Array | undefined } {
    let here = '';
    for (const part of at.split('/')) {
      here = here === '' ? part : `${here}/${part}`;
      const found = this.#get(here);
      if (found === undefined) throw new Error('ENOENT');
      if (found.data !== undefined) throw new Error('ENOTDIR');
    }
    return this.#get(at)!;
  }

  #children(at: string): string[] {
    return [...this.#objects.keys()].filter((key) => key.startsWith(`${at.toUpperCase()}/`));
  }

  /** Do an operation. Throws an error whose message is the expected code. */
  apply(o: Operation): void {
    if (o.op === 'sync') return;
    if (o.op === 'rename') {
      this.#rename(o.from, o.to);
      return;
    }
    const at = this.#parent(o.path);
    const there = this.#get(at);
    if (o.op === 'mkdir') {
      if (there !== undefined) throw new Error('EEXIST');
      this.#objects.set(at.toUpperCase(), { path: at, data: undefined });
    } else if (o.op === 'write') this.#write(at, o.offset, bytesOf(o.length, o.seed));
    else if (there === undefined) throw new Error('ENOENT');
    else if (o.op === 'truncate') {
      if (there.data === undefined) throw new Error('EISDIR');
      there.data = resized(there.data, o.size);
    } else if (o.op === 'unlink') {
      if (there.data === undefined) throw new Error('EISDIR');
      this.#objects.delete(at.toUpperCase());
    } else {
      if (there.data !== undefined) throw new Error('ENOTDIR');
      if (this.#children(at).length > 0) throw new Error('ENOTEMPTY');
      this.#objects.delete(at.toUpperCase());
    }
  }

  #write(at: string, offset: number, bytes: Uint8Array): void {
    const there = this.#get(at) ?? { path: at, data: new Uint8Array(0) };
    if (there.data === undefined) throw new Error('EISDIR');
    this.#objects.set(at.toUpperCase(), there);
    if (bytes.length === 0) return;
    if (offset + bytes.length > there.data.length) there.data = resized(there.data, offset + bytes.length);
    there.data.set(bytes, offset);
  }

  #rename(rawFrom: string, rawTo: string): void {
    const from = this.#parent(rawFrom);
    const to = this.#parent(rawTo);
    const source = this.#get(from);
    if (source === undefined) throw new Error('ENOENT');
    if (to.toUpperCase().startsWith(`${from.toUpperCase()}/`)) throw new Error('EINVAL');
    const same = from.toUpperCase() === to.toUpperCase();
    const target = same ? undefined : this.#get(to);
    if (target !== undefined) {
      if (from.toUpperCase().startsWith(`${to.toUpperCase()}/`)) throw new Error('ENOTEMPTY');
      if (target.data === undefined && source.data !== undefined) throw new Error('EISDIR');
      if (target.data !== undefined && source.data === undefined) throw new Error('ENOTDIR');
      if (this.#children(to).length > 0) throw new Error('ENOTEMPTY');
      this.#objects.delete(to.toUpperCase());
    }
    for (const key of [from.toUpperCase(), ...this.#children(from)]) {
      const moved = this.#objects.get(key)!;
      this.#objects.delete(key);
      const path_ = to + moved.path.slice(from.length);
      this.#objects.set(path_.toUpperCase(), { path: path_, data: moved.data });
    }
  }
}

function resized(data: Uint8Array, size: number): Uint8Array {
  const out = new Uint8Array(size);
  out.set(data.subarray(0, size));
  return out;
}

type Writable = FileSystem & FsAbilities['write'];

async function walkTo(fs: FileSystem, parts: readonly string[]): Promise<FsNode> {
  let node = fs.root;
  for (const part of parts) {
    const next = await fs.lookup(node, part);
    if (next === undefined) throw Object.assign(new Error('ENOENT'), { code: 'ENOENT' });
    node = next;
  }
  return node;
}

async function split(fs: FileSystem, at: string): Promise<[FsNode, string]> {
  const parts = at.split('/');
  const last = parts.pop()!;
  const dir = await walkTo(fs, parts);
  // A path through a file is ENOTDIR, which lookup says.
  await fs.lookup(dir, last);
  return [dir, last];
}

/** Do an operation with our engine. */
export async function applyTo(fs: Writable, o: Operation): Promise<void> {
  if (o.op === 'sync') return fs.sync();
  if (o.op === 'rename') {
    const [fromDir, from] = await split(fs, o.from);
    const [toDir, to] = await split(fs, o.to);
    return fs.rename(fromDir, from, toDir, to);
  }
  const [dir, last] = await split(fs, o.path);
  if (o.op === 'mkdir') await fs.create(dir, last, { mode: 0o040755 });
  else if (o.op === 'unlink') await fs.unlink(dir, last);
  else if (o.op === 'rmdir') await fs.rmdir(dir, last);
  else if (o.op === 'truncate') await fs.truncate(await walkTo(fs, o.path.split('/')), o.size);
  else {
    const node = (await fs.lookup(dir, last)) ?? (await fs.create(dir, last, { mode: 0o100644 }));
    await fs.write(node, o.offset, bytesOf(o.length, o.seed));
  }
}

/** Everything that our engine shows: contents of files, `undefined` for directories. */
export async function readTree(fs: FileSystem, dir = fs.root, at = ''): Promise<Map<string, Uint8Array | undefined>> {
  const out = new Map<string, Uint8Array | undefined>();
  for await (const entry of fs.readdir(dir)) {
    const path_ = at + entry.name;
    if (entry.type === 'd') {
      out.set(path_, undefined);
      for (const [k, v] of await readTree(fs, entry.node, `${path_}/`)) out.set(k, v);
    } else {
      out.set(path_, await fs.read(entry.node, 0, (await fs.stat(entry.node)).size));
    }
  }
  return out;
}
