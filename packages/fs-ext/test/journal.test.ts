import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FileSystem } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { requireTools } from '@vmcraft/testkit';
import { describe, expect, it } from 'vitest';
import { extDriver } from '../src/index.js';
import { complaints, deviceOf, digestOf, listTree, mke2fs, shell, withFolder } from './support.js';

/** What the kernel does while the journal is being filled; the copy is taken before it unmounts. */
const WORK = `
mkdir -p a/b; for i in $(seq 200); do echo hello $i > a/f$i; done; sync -f .
rm -rf a/f1*; for i in $(seq 50); do echo x$i > a/b/g$i; done; head -c 3000000 /dev/zero | tr '\\0' 'q' > big
exec 9>gone; head -c 3000000 /dev/zero | tr '\\0' 'z' >&9; rm gone; ln -s foo bar; sync -f .`;

const FAST = `
python3 - <<'EOF'
import os
for i in range(20):
    f = os.open('fs%d' % i, os.O_CREAT | os.O_WRONLY)
    os.write(f, b'q' * 9000)
    os.fsync(f)
    os.close(f)
os.rename('fs3', 'moved')
os.link('fs4', 'linked')
os.unlink('fs5')
f = os.open('moved', os.O_WRONLY)
os.ftruncate(f, 5000)
os.fsync(f)
EOF`;

interface Case {
  readonly name: string;
  readonly args: string;
  readonly options?: string;
  readonly fast?: boolean;
}

const CASES: readonly Case[] = [
  { name: 'checksums v3', args: '-t ext4' },
  { name: 'no checksums', args: '-t ext4 -O ^metadata_csum' },
  { name: '32-bit tags', args: '-t ext4 -O ^64bit' },
  { name: 'ext3', args: '-t ext3' },
  { name: 'data in the journal', args: '-t ext4', options: ',data=journal' },
  {
    name: 'one checksum for a transaction, asynchronous commits',
    args: '-t ext4 -O ^metadata_csum',
    options: ',data=writeback,journal_checksum,journal_async_commit',
  },
  { name: 'orphan file', args: '-t ext4 -O orphan_file' },
  { name: 'fast commits', args: '-t ext4 -O fast_commit', fast: true },
];

/** A file system as it is when the machine stops while it is mounted, and as the kernel recovers it. */
async function interrupted(c: Case): Promise<{ dirty: Uint8Array; recovered: Uint8Array }> {
  return withFolder(async (folder) => {
    const [image, copy, mount] = [join(folder, 'image'), join(folder, 'copy'), join(folder, 'mount')];
    mkdirSync(mount);
    shell(`truncate -s 48M ${image}; mke2fs -q -F ${c.args} ${image}`);
    shell(`mount -t ext4 -o loop,commit=300${c.options ?? ''} ${image} ${mount}`);
    try {
      execFileSync('bash', ['-ec', `cd ${mount}\n${WORK}\n${c.fast === true ? FAST : ''}\ncp ${image} ${copy}`]);
    } finally {
      shell(`umount ${mount}`);
    }
    const dirty = readFileSync(copy);
    copyFileSync(copy, image);
    shell(`mount -t ext4 -o loop ${image} ${mount}; umount ${mount}`);
    return { dirty, recovered: readFileSync(image) };
  });
}

async function snapshot(fs: FileSystem): Promise<unknown> {
  const out: unknown[] = [];
  for (const entry of await listTree(fs)) {
    const isFolder = (entry.mode & 0o170000) === 0o040000;
    out.push([entry.path, entry.mode, isFolder ? 0 : entry.nlink, entry.size, await digestOf(fs, entry)]);
  }
  return out;
}

describe.runIf(requireTools('root', 'mke2fs', 'e2fsck', 'mount', 'python3'))('a journal that needs replay', () => {
  for (const c of CASES) {
    it(`${c.name}: in memory and for real as the kernel does it`, { timeout: 120_000 }, async () => {
      const { dirty, recovered } = await interrupted(c);
      const expected = await snapshot(await extDriver().open(await deviceOf(recovered, false), { readonly: true }));
      const untouched = await deviceOf(dirty, false);
      const view = await extDriver().open(untouched, { readonly: true });
      expect(await snapshot(view)).toEqual(expected);
      expect(Buffer.compare(await untouched.read(0, untouched.size), dirty)).toBe(0);
      const device = await deviceOf(dirty);
      const fs = await extDriver().open(device, { readonly: false });
      expect(await snapshot(fs)).toEqual(expected);
      await fs.close();
      expect(await complaints(device)).toBe('');
    });
  }

  it('a journal on another device is refused when it is needed', async () => {
    const bytes = await mke2fs('-t ext4 -O ^metadata_csum', 8);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    view.setUint32(1024 + 0x60, view.getUint32(1024 + 0x60, true) | 0x4, true);
    view.setUint32(1024 + 0xe0, 0, true);
    view.setUint32(1024 + 0xe4, 0x801, true);
    const open = extDriver().open(await deviceOf(bytes, false), { readonly: true });
    await expect(open).rejects.toBeInstanceOf(UnsupportedFeatureError);
  });
});
