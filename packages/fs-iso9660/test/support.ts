import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pattern } from '@vmcraft/testkit';

/** What making the discs needs. */
export const DISC_TOOLS = ['xorriso', 'genisoimage', 'root'];

/** A tree with what the formats treat differently: depth, long and foreign names, links, devices, owners. */
export function makeTree(folder: string): string {
  const tree = join(folder, 'tree');
  const deep = join(tree, 'a/b/c/d/e/f/g/h/i/deep');
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(tree, 'many'));
  writeFileSync(join(deep, 'file'), 'deep\n');
  writeFileSync(join(tree, 'random'), pattern(300_001));
  writeFileSync(join(tree, 'text'), 'all work and no play makes a dull disc\n'.repeat(9000));
  writeFileSync(join(tree, 'holes'), Buffer.alloc(500_000));
  writeFileSync(join(tree, 'UPPER and Ünïcode ☃'), '');
  for (let i = 0; i < 300; i++) writeFileSync(join(tree, 'many', `a fairly long name ${i}.text`), `${i}\n`);
  symlinkSync('../a/b', join(tree, 'relative link'));
  symlinkSync(`/very/./../${'x'.repeat(220)}/${'y'.repeat(220)}`, join(tree, 'long link'));
  linkSync(join(tree, 'random'), join(tree, 'second name'));
  execFileSync('mknod', [join(tree, 'disk'), 'b', '8', '3']);
  execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3']);
  execFileSync('mkfifo', [join(tree, 'pipe')]);
  chownSync(join(tree, 'text'), 1000, 100);
  chmodSync(join(tree, 'text'), 0o4755);
  execFileSync('find', [tree, '-exec', 'touch', '-h', '-d', '2020-02-29T12:34:56Z', '{}', '+']);
  return tree;
}
