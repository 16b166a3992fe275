import { encodeUtf8, type FileSystem, FsError, S_IFREG } from '@vmcraft/core';
import { FileContexts, UnknownContext } from './file-contexts.js';
import { findInGuest } from './guest-files.js';
import type { HostFileSystem } from './host-filesystem.js';
import { can } from './host-tools.js';
import { fromWire } from './wire.js';

const LABEL = 'security.selinux';
/** Bytes of a file of the policy that are looked at. */
const MAX_POLICY = 16 * 1024 * 1024;
/** Clocks of file systems tick more slowly than ours, milliseconds. */
const TICK = 1000;

/** A file system that programs of the guest wrote. */
interface Labelled {
  readonly fs: HostFileSystem;
  /** Where it is mounted. */
  readonly path: string;
}

/** Labels files that a program of a guest with SELinux made: the kernel of this host did not. */
export class Labels {
  /** Of the time before a program runs, milliseconds. */
  readonly #since = Date.now() - TICK;

  /**
   * Give what was made since then the labels of the guest's policy. What the policy does not tell in a way that is understood here, or a
   * guest without labels, is left to the guest: `/.autorelabel` asks it to label everything at its next boot.
   * @param places outer ones first; the first is the root
   */
  async settle(places: readonly Labelled[]): Promise<void> {
    const [root] = places;
    if (root === undefined || root.fs.readonly || (await can('/sys/fs/selinux/enforce'))) return;
    const policy = await policyOf(root.fs);
    if (policy === undefined || (await root.fs.lookup(root.fs.root, '.autorelabel')) !== undefined) return;
    if (!(await this.#label(places, policy)))
      await root.fs.create(root.fs.root, '.autorelabel', { mode: S_IFREG | 0o644 });
  }

  async #label(places: readonly Labelled[], policy: string): Promise<boolean> {
    const root = (places[0] as Labelled).fs;
    if ((await root.getXattr(root.root, LABEL)) === undefined) return false;
    const contexts = await contextsOf(root, policy);
    if (contexts === undefined) return false;
    try {
      for (const { fs, path } of places)
        if (!fs.readonly) await labelNew(fs, path === '/' ? '' : path, contexts, this.#since);
      return true;
    } catch (error) {
      if (error instanceof UnknownContext || error instanceof FsError) return false;
      throw error;
    }
  }
}

async function labelNew(fs: HostFileSystem, mountPoint: string, contexts: FileContexts, since: number): Promise<void> {
  const found: [string[], number][] = [];
  await fs.helper.request('unlabelled', { tree: fs.mount, path: [], since, name: LABEL }, undefined, {
    part: ({ result }) => found.push(...(result as [string[], number][])),
  });
  for (const [path, mode] of found) {
    const label = contexts.lookup(`${mountPoint}/${path.map(fromWire).join('/')}`, mode);
    if (label === undefined) continue;
    const value = new Uint8Array([...encodeUtf8(label), 0]);
    await fs.helper.request('setxattr', { tree: fs.mount, path, name: LABEL }, value, { path: `/${path.join('/')}` });
  }
}

/** Name of the policy of a guest that uses SELinux. */
async function policyOf(fs: FileSystem): Promise<string | undefined> {
  const text = (await textOf(fs, ['etc', 'selinux', 'config'])) ?? '';
  if (!/^\s*SELINUX=(enforcing|permissive)\b/m.test(text)) return undefined;
  return /^\s*SELINUXTYPE=([\w-]+)/m.exec(text)?.[1] ?? 'targeted';
}

async function contextsOf(fs: FileSystem, policy: string): Promise<FileContexts | undefined> {
  const text = (suffix: string) =>
    textOf(fs, ['etc', 'selinux', policy, 'contexts', 'files', `file_contexts${suffix}`]);
  const main = await text('');
  if (main === undefined) return undefined;
  const present = async (...suffixes: string[]) =>
    (await Promise.all(suffixes.map(text))).filter((content) => content !== undefined);
  return new FileContexts([main, ...(await present('.homedirs', '.local'))], await present('.subs', '.subs_dist'));
}

async function textOf(fs: FileSystem, names: readonly string[]): Promise<string | undefined> {
  const node = await findInGuest(fs, names);
  if (node === undefined) return undefined;
  return new TextDecoder().decode(await fs.read(node, 0, MAX_POLICY));
}
