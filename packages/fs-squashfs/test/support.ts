import { execFileSync } from 'node:child_process';
import { chownSync, linkSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pattern } from '@vmcraft/testkit';

/** A folder that is removed at the end. */
export function scratch(): { readonly folder: string; remove(): void } {
  const folder = mkdtempSync(join(tmpdir(), 'vmcraft-squashfs-'));
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Pack `tree` with these options of mksquashfs; the image's bytes. */
export function pack(folder: string, tree: string, options: readonly string[]): Uint8Array {
  const image = join(folder, 'image');
  rmSync(image, { force: true });
  execFileSync('mksquashfs', [tree, image, '-noappend', '-quiet', '-no-progress', ...options], { stdio: 'pipe' });
  return new Uint8Array(readFileSync(image));
}

/** Files with these contents below `tree`. */
export function writeFiles(tree: string, files: Readonly<Record<string, Uint8Array>>): void {
  for (const [path, data] of Object.entries(files)) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), data);
  }
}

/** A tree with what the format treats differently: fragments, holes, links, devices, a directory with an index, attributes. */
export function makeTree(folder: string): string {
  const tree = join(folder, 'tree');
  const text = new TextEncoder().encode('the same line again and again, so that it packs well\n'.repeat(20_000));
  writeFiles(tree, { 'deep/er/small': pattern(10), random: pattern(700_001), text, empty: new Uint8Array() });
  writeFiles(
    tree,
    Object.fromEntries(Array.from({ length: 3000 }, (_, i) => [`many/a name ${i} ü`, pattern(i % 50, i)])),
  );
  execFileSync('sh', ['-c', 'truncate -s 3M hole; printf end >> hole'], { cwd: tree });
  symlinkSync('../deep/er', join(tree, 'link'));
  linkSync(join(tree, 'random'), join(tree, 'second name'));
  for (const args of [
    ['disk', 'b', '8', '300'],
    ['null', 'c', '1', '3'],
  ])
    execFileSync('mknod', args, { cwd: tree });
  execFileSync('mkfifo', ['pipe'], { cwd: tree });
  chownSync(join(tree, 'text'), 100_000, 33);
  const attributes: [name: string, value: string][] = [
    ['user.short', 'x'],
    ['user.long', 'y'.repeat(3000)],
    ['security.capability', '0sAQAAAgAgAAAAAAAAAAAAAAAAAAA='],
  ];
  for (const [name, value] of attributes) {
    for (const file of ['text', 'random', 'deep'])
      execFileSync('setfattr', ['-n', name, '-v', value, file], { cwd: tree });
  }
  execFileSync('find', [tree, '-exec', 'touch', '-h', '-d', '2020-02-29T12:34:56Z', '{}', '+']);
  return tree;
}
