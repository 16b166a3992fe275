import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gunzipSync } from 'node:zlib';
import { MemoryDevice } from '@vmcraft/core/block';
import { type FileSystem, type FsNode, S_IFDIR, S_IFMT, S_IFREG } from '@vmcraft/core/contracts';

/** Folder of real images, beside the repository. */
export const DATA = resolve(import.meta.dirname, '../../../../shared/data');

/** One entry of the images' manifest. */
export interface ManifestEntry {
  readonly name: string;
  readonly kind: string;
  readonly file: string;
  readonly oracle: {
    readonly blkid?: Readonly<Record<string, string>>;
    readonly dumpe2fs?: Readonly<Record<string, string>>;
    readonly lists?: { readonly files: { readonly file: string } } | null;
  };
}

/** Entries whose file lies in `folder`. */
export function manifest(folder: string): ManifestEntry[] {
  const all = JSON.parse(readFileSync(join(DATA, 'manifest.json'), 'utf8')) as ManifestEntry[];
  return all.filter((entry) => entry.file?.startsWith(folder) === true);
}

/** A file of the data folder, unpacked. */
export async function unpacked(file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await pipeline(createReadStream(join(DATA, file)), createGunzip(), async (source) => {
    for await (const chunk of source) chunks.push(chunk as Uint8Array);
  });
  return Buffer.concat(chunks);
}

/** A JSON file of the data folder, gzipped or not. */
export function expectation<T>(file: string): T {
  const raw = readFileSync(join(DATA, file));
  return JSON.parse((file.endsWith('.gz') ? gunzipSync(raw) : raw).toString('utf8')) as T;
}

/** Work with a folder that goes away afterwards. */
export async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-fs-ext-'));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Run a shell command; throws with its output when it fails. */
export function shell(command: string): string {
  return execFileSync('bash', ['-ec', command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

/** The bytes of a new file system made by mke2fs. */
export async function mke2fs(args: string, megabytes = 8): Promise<Uint8Array> {
  return withFolder(async (folder) => {
    const image = join(folder, 'image');
    shell(`truncate -s ${megabytes}M ${image}; mke2fs -q -F ${args} ${image}`);
    return readFileSync(image);
  });
}

/** A device in memory over these bytes. */
export async function deviceOf(bytes: Uint8Array, writable = true): Promise<MemoryDevice> {
  const device = new MemoryDevice(bytes.length);
  await device.write(0, bytes);
  return writable ? device : Object.defineProperty(device, 'writable', { value: false });
}

/** What e2fsck has against a device's bytes; empty when it is clean. */
export async function complaints(device: MemoryDevice): Promise<string> {
  return withFolder(async (folder) => {
    const image = join(folder, 'image');
    const { writeFile } = await import('node:fs/promises');
    await writeFile(image, await device.read(0, device.size));
    const run = spawnSync('e2fsck', ['-f', '-n', image], { encoding: 'utf8' });
    return run.status === 0 ? '' : run.stdout + run.stderr;
  });
}

/** One object of a tree. */
export interface Listed {
  readonly path: string;
  readonly node: FsNode;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
  readonly uid: number;
  readonly nlink: number;
}

/** Everything below the root, sorted by path. */
export async function listTree(fs: FileSystem): Promise<Listed[]> {
  const out: Listed[] = [];
  const pending: [string, FsNode][] = [['', fs.root]];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for await (const { name, node } of fs.readdir(next[1])) {
      const path = next[0] === '' ? name : `${next[0]}/${name}`;
      const { mode, size, mtime, uid, nlink } = await fs.stat(node);
      out.push({ path, node, mode, size, mtime: mtime.sec, uid, nlink });
      if ((mode & S_IFMT) === S_IFDIR) pending.push([path, node]);
    }
  }
  return out.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** SHA-256 of a regular file's contents. */
export async function digestOf(fs: FileSystem, { node, mode, size }: Listed): Promise<string | undefined> {
  if ((mode & S_IFMT) !== S_IFREG) return undefined;
  const hash = createHash('sha256');
  for (let at = 0; at < size; at += 1 << 20) hash.update(await fs.read(node, at, 1 << 20));
  return hash.digest('hex');
}
