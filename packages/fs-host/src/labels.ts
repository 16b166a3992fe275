import { S_IFREG } from '@vmcraft/core';
import { findInGuest } from './guest-files.js';
import type { HostFileSystem } from './host-filesystem.js';
import { can } from './host-tools.js';

/** Bytes of /etc/selinux/config that are looked at. */
const MAX_CONFIG = 64 * 1024;

/** A guest with SELinux is asked, in its own way, to label at its next boot what a host without SELinux could not. */
export async function askForLabels(fs: HostFileSystem): Promise<void> {
  if (await can('/sys/fs/selinux/enforce')) return;
  const config = await findInGuest(fs, ['etc', 'selinux', 'config']);
  if (config === undefined || fs.readonly) return;
  const text = new TextDecoder().decode(await fs.read(config, 0, MAX_CONFIG));
  if (!/^\s*SELINUX=(enforcing|permissive)\b/m.test(text)) return;
  if ((await fs.lookup(fs.root, '.autorelabel')) === undefined)
    await fs.create(fs.root, '.autorelabel', { mode: S_IFREG | 0o644 });
}
