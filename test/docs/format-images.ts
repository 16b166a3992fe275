import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { requireTools } from '@vmcraft/testkit';
import { imagesOf } from '../../packages/fs-btrfs/test/fixtures.js';

const XFS = join(import.meta.dirname, '../../packages/fs-xfs/test/fixtures');

/** A tree that the images of a page are made from. */
function makeTree(folder: string): string {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'etc'), { recursive: true });
  writeFileSync(join(tree, 'etc/hostname'), 'guest\n');
  return tree;
}

function made(folder: string, ...argv: readonly [string, ...string[]]): void {
  execFileSync(argv[0], argv.slice(1), { stdio: 'ignore' });
  rmSync(join(folder, 'tree'), { recursive: true });
}

/** Pages of formats that have examples: what their images need, and how they come into the folder of an example. */
export const FORMAT_PAGES: Readonly<
  Record<string, { readonly tools: readonly string[]; make(folder: string): void | Promise<void> }>
> = {
  'docs/formats/btrfs.md': {
    tools: [],
    make: async (folder) => {
      for (const [i, path] of (await imagesOf('raid1', folder)).entries()) {
        renameSync(path, join(folder, `data-${i + 1}.img`));
      }
    },
  },
  'docs/formats/xfs.md': {
    tools: [],
    make: (folder) => {
      for (const [name, source] of [
        ['data', 'realtime'],
        ['log', 'realtime-log'],
        ['realtime', 'realtime-rt'],
      ]) {
        writeFileSync(join(folder, `${name}.img`), gunzipSync(readFileSync(join(XFS, `${source}.img.gz`))));
      }
    },
  },
  'docs/formats/iso9660.md': {
    tools: ['genisoimage'],
    make: (folder) => made(folder, 'genisoimage', '-quiet', '-R', '-o', join(folder, 'disc.iso'), makeTree(folder)),
  },
  'docs/formats/squashfs.md': {
    tools: ['mksquashfs'],
    make: (folder) => made(folder, 'mksquashfs', makeTree(folder), join(folder, 'image.squashfs'), '-quiet'),
  },
};

/** Those whose images can be made on this host. */
export const formatPages = (): string[] =>
  Object.entries(FORMAT_PAGES).flatMap(([page, { tools }]) =>
    tools.length === 0 || requireTools(...tools) ? [page] : [],
  );
