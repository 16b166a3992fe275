import { createHash } from 'node:crypto';
import type { FileSystem, FsAbilities, FsNode } from '@vmcraft/core/contracts';
import { S_IFDIR, S_IFLNK, S_IFREG } from '@vmcraft/core/contracts';
import { isVmcraftError } from '@vmcraft/core/errors';

export type Writable = FileSystem & FsAbilities['write'] & FsAbilities['xattr'];

/** What an object should be. Names of one file share it. */
interface Model {
  readonly kind: 'file' | 'dir' | 'link';
  data: Uint8Array;
  readonly target: string;
  readonly streams: Map<string, Uint8Array>;
  names: number;
}

const MAX_FILE = 400_000;

/** A generator of its own, so that a seed says all. */
export function generator(seed: number): (below: number) => number {
  let x = seed >>> 0;
  return (below) => {
    x = (x + 0x6d2b79f5) >>> 0;
    let t = x;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

/** Makes random changes to a file system, and knows what must come of them. */
export class RandomChanges {
  readonly objects = new Map<string, Model>([['', this.#model('dir')]]);
  refused = new Map<string, number>();

  constructor(
    private readonly fs: Writable,
    private readonly random: (below: number) => number,
  ) {}

  #model(kind: Model['kind'], target = ''): Model {
    return { kind, data: new Uint8Array(0), target, streams: new Map(), names: 1 };
  }

  #pick(kind: Model['kind']): string | undefined {
    const paths = [...this.objects].filter(([, m]) => m.kind === kind).map(([path]) => path);
    return paths[this.random(paths.length)];
  }

  #name(): string {
    const alphabet = 'abcdefgh ÄÖéΩ名-_.()';
    const length = this.random(8) === 0 ? 60 + this.random(190) : 1 + this.random(20);
    let out = '';
    while (out.length < length) out += alphabet[this.random(alphabet.length)];
    return `${out}${this.random(1e6)}`.slice(-255);
  }

  #bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    const from = this.random(256);
    for (let i = 0; i < length; i++) out[i] = (from + i * 7 + (i >> 8)) & 0xff;
    return out;
  }

  async #node(path: string): Promise<FsNode> {
    let node = this.fs.root;
    for (const part of path.split('/').filter((p) => p !== '')) {
      const next = await this.fs.lookup(node, part);
      if (next === undefined) throw new Error(`${path}: ${part} is lost`);
      node = next;
    }
    return node;
  }

  static #split(path: string): [string, string] {
    const at = path.lastIndexOf('/');
    return [path.slice(0, Math.max(0, at)), path.slice(at + 1)];
  }

  /** Run one step; a refusal for lack of room is counted, anything else is a failure. */
  async step(): Promise<void> {
    const steps = [
      () => this.#create('file'),
      () => this.#create('file'),
      () => this.#create('dir'),
      () => this.#create('link'),
      () => this.#write(),
      () => this.#write(),
      () => this.#write(),
      () => this.#truncate(),
      () => this.#rename(),
      () => this.#rename(),
      () => this.#link(),
      () => this.#remove(),
      () => this.#remove(),
      () => this.#stream(),
      () => this.#unstream(),
    ];
    try {
      await steps[this.random(steps.length)]!();
    } catch (error) {
      if (!isVmcraftError(error) || !['ENOSPC', 'EMLINK'].includes(error.code)) throw error;
      this.refused.set(error.code, (this.refused.get(error.code) ?? 0) + 1);
    }
  }

  async #create(kind: Model['kind']): Promise<void> {
    const dir = this.#pick('dir')!;
    const name = this.#name();
    const path = dir === '' ? name : `${dir}/${name}`;
    if (this.objects.has(path)) return;
    const target =
      kind === 'link' ? ['x', '../y/z', '/abs/olute', 'with:colon', `${'long/'.repeat(30)}end`][this.random(5)]! : '';
    const mode = { file: S_IFREG | 0o644, dir: S_IFDIR | 0o755, link: S_IFLNK | 0o777 }[kind];
    await this.fs.create(await this.#node(dir), name, { mode, ...(kind === 'link' ? { target } : {}) });
    this.objects.set(path, this.#model(kind, target));
  }

  async #write(): Promise<void> {
    const path = this.#pick('file');
    if (path === undefined) return;
    const model = this.objects.get(path)!;
    const node = await this.#node(path);
    const offset = this.random(4) === 0 ? this.random(MAX_FILE) : this.random(model.data.length + 1);
    const data = this.#bytes(this.random(3) === 0 ? this.random(100_000) : this.random(3000));
    await this.fs.write(node, offset, data);
    if (data.length === 0) return;
    const next = new Uint8Array(Math.max(model.data.length, offset + data.length));
    next.set(model.data);
    next.set(data, offset);
    model.data = next;
  }

  async #truncate(): Promise<void> {
    const path = this.#pick('file');
    if (path === undefined) return;
    const model = this.objects.get(path)!;
    const size = this.random(3) === 0 ? this.random(300) : this.random(Math.min(MAX_FILE, model.data.length * 2 + 10));
    await this.fs.truncate(await this.#node(path), size);
    const next = new Uint8Array(size);
    next.set(model.data.subarray(0, size));
    model.data = next;
  }

  async #rename(): Promise<void> {
    const paths = [...this.objects.keys()].filter((path) => path !== '');
    const from = paths[this.random(paths.length)];
    const dir = this.#pick('dir')!;
    if (from === undefined || dir === from || dir.startsWith(`${from}/`)) return;
    const replaced = this.random(6) === 0 ? this.#pick('file') : undefined;
    const model = this.objects.get(from)!;
    const name = this.#name();
    const fresh = dir === '' ? name : `${dir}/${name}`;
    const to = replaced !== undefined && model.kind === 'file' && replaced !== from ? replaced : fresh;
    if (this.objects.get(to) === model) return;
    if (to === fresh && this.objects.has(to)) return;
    const [fromDir, fromName] = RandomChanges.#split(from);
    const [toDir, toName] = RandomChanges.#split(to);
    await this.fs.rename(await this.#node(fromDir), fromName, await this.#node(toDir), toName);
    this.#forget(to);
    for (const [path, object] of [...this.objects]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.objects.delete(path);
      this.objects.set(to + path.slice(from.length), object);
    }
  }

  #forget(path: string): void {
    const model = this.objects.get(path);
    if (model === undefined) return;
    model.names--;
    this.objects.delete(path);
  }

  async #link(): Promise<void> {
    const path = this.#pick('file');
    const dir = this.#pick('dir')!;
    if (path === undefined) return;
    const name = this.#name();
    const to = dir === '' ? name : `${dir}/${name}`;
    if (this.objects.has(to)) return;
    await this.fs.link(await this.#node(path), await this.#node(dir), name);
    const model = this.objects.get(path)!;
    model.names++;
    this.objects.set(to, model);
  }

  async #remove(): Promise<void> {
    const paths = [...this.objects.keys()].filter((path) => path !== '');
    const path = paths[this.random(paths.length)];
    if (path === undefined) return;
    const model = this.objects.get(path)!;
    const [dir, name] = RandomChanges.#split(path);
    const parent = await this.#node(dir);
    if (model.kind !== 'dir') await this.fs.unlink(parent, name);
    else if (paths.some((other) => other.startsWith(`${path}/`))) {
      const refusal = await this.fs.rmdir(parent, name).then(
        () => 'none',
        (error: { code?: string }) => error.code,
      );
      if (refusal !== 'ENOTEMPTY') throw new Error(`rmdir of ${path}: ${refusal}`);
      return;
    } else await this.fs.rmdir(parent, name);
    this.#forget(path);
  }

  async #stream(): Promise<void> {
    const path = this.#pick(this.random(4) === 0 ? 'dir' : 'file');
    if (path === undefined || path === '') return;
    const model = this.objects.get(path)!;
    const name = `user.${'s'.repeat(1 + this.random(30))}${this.random(12)}`;
    const data = this.#bytes(this.random(5) === 0 ? this.random(60_000) : this.random(600));
    await this.fs.setXattr(await this.#node(path), name, data);
    model.streams.set(name, data);
  }

  async #unstream(): Promise<void> {
    const path = [...this.objects].find(([, m]) => m.streams.size > 0)?.[0];
    if (path === undefined) return;
    const model = this.objects.get(path)!;
    const [name] = model.streams.keys();
    await this.fs.removeXattr(await this.#node(path), name!);
    model.streams.delete(name!);
  }

  /** What a listing of the whole must say: path, and a digest of everything. */
  expected(): Map<string, string> {
    return new Map([...this.objects].map(([path, m]) => [path, digestOf(m)]));
  }
}

function digestOf(m: Model): string {
  const streams = Object.fromEntries([...m.streams].map(([name, data]) => [name, Buffer.from(data).toString('hex')]));
  return describeObject(m.kind, m.data, m.target, streams, m.kind === 'dir' ? 1 : m.names);
}

/** One object in a line. */
export function describeObject(
  kind: string,
  data: Uint8Array | string,
  target: string,
  streams: Readonly<Record<string, string>>,
  names: number,
): string {
  const digest = typeof data === 'string' ? data : createHash('sha256').update(data).digest('hex');
  const sorted = Object.entries(streams).sort(([a], [b]) => (a < b ? -1 : 1));
  const tail = createHash('sha256').update(JSON.stringify(sorted)).digest('hex').slice(0, 12);
  return `${kind} ${kind === 'file' ? digest : ''} ${target} ${sorted.length}:${tail} ${names}`;
}
