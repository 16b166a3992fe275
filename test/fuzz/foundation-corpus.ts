import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pattern } from '@vmcraft/testkit';
import type { Sample } from './fuzz-group.js';

/** What making the samples needs. */
export const FOUNDATION_NEEDS = ['qemu-img', 'mke2fs', 'mkfs.fat', 'mkfs.exfat', 'mcopy', 'sgdisk', 'sfdisk'];

const IMAGES: readonly (readonly [name: string, format: string, options: readonly string[]])[] = [
  ['qcow2', 'qcow2', ['-o', 'cluster_size=4k']],
  ['qcow2-v2', 'qcow2', ['-o', 'compat=0.10']],
  ['qcow2-compressed', 'qcow2', ['-c', '-o', 'cluster_size=16k']],
  ['qcow2-zstd', 'qcow2', ['-c', '-o', 'compression_type=zstd']],
  ['qcow2-subclusters', 'qcow2', ['-o', 'extended_l2=on,cluster_size=16k']],
  ['vmdk-sparse', 'vmdk', ['-o', 'subformat=monolithicSparse']],
  ['vmdk-stream', 'vmdk', ['-o', 'subformat=streamOptimized']],
  ['vhd-dynamic', 'vpc', ['-o', 'subformat=dynamic']],
  ['vhd-fixed', 'vpc', ['-o', 'subformat=fixed']],
  ['vhdx', 'vhdx', ['-o', 'log_size=1M,block_size=1M']],
  ['vdi', 'vdi', []],
];

const EXT: readonly (readonly [name: string, options: readonly string[]])[] = [
  ['ext2', ['-t', 'ext2', '-b', '1024']],
  ['ext3', ['-t', 'ext3', '-b', '1024', '-J', 'size=1']],
  ['ext4', ['-t', 'ext4', '-b', '1024', '-J', 'size=1']],
  ['ext4-inline', ['-t', 'ext4', '-b', '4096', '-I', '256', '-O', 'inline_data,^has_journal']],
  ['ext4-bigalloc', ['-t', 'ext4', '-b', '1024', '-C', '4096', '-O', 'bigalloc,^has_journal']],
  ['ext4-no-checksums', ['-t', 'ext4', '-b', '1024', '-O', '^metadata_csum,^has_journal']],
];

/** A folder whose tree touches many structures: long links, holes, a directory that needs an index, deep names. */
export function makeFuzzTree(folder: string, names = 200): string {
  const tree = join(folder, 'tree');
  mkdirSync(join(tree, 'deep/er/still'), { recursive: true });
  mkdirSync(join(tree, 'many'));
  for (let i = 0; i < names; i++)
    writeFileSync(join(tree, 'many', `a name that takes some room ${i}`), i % 20 === 0 ? pattern(300) : '');
  writeFileSync(join(tree, 'file'), pattern(100_000));
  writeFileSync(join(tree, 'deep/er/still/small'), 'tiny');
  execFileSync(
    'sh',
    [
      '-c',
      'truncate -s 5M hole; printf x | dd of=hole bs=1 seek=4000000 conv=notrunc status=none; ln -s /file abs; ln -s "$(printf "l%.0s" $(seq 150))" long; ln file hard',
    ],
    { cwd: tree },
  );
  return tree;
}

/** Make all samples below `folder`. */
export function makeFoundationCorpus(folder: string): readonly Sample[] {
  const tree = makeFuzzTree(folder);
  return [...extSamples(folder, tree), ...fatSamples(folder, tree), ...imageSamples(folder), ...tableSamples(folder)];
}

function empty(path: string, size: number): string {
  writeFileSync(path, '');
  truncateSync(path, size);
  return path;
}

function extSamples(folder: string, tree: string): Sample[] {
  return EXT.map(([name, options]) => {
    const path = empty(join(folder, `${name}.img`), 4 << 20);
    execFileSync('mke2fs', ['-q', '-F', ...options, '-d', tree, path], { stdio: ['ignore', 'ignore', 'inherit'] });
    return { name, kind: 'ext', format: 'raw', path };
  });
}

function fatSamples(folder: string, tree: string): Sample[] {
  const kinds = [
    ['fat12', 1 << 20, '12'],
    ['fat16', 5 << 20, '16'],
    ['fat32', 34 << 20, '32'],
  ] as const;
  const samples: Sample[] = kinds.map(([name, size, bits]) => {
    const path = empty(join(folder, `${name}.img`), size);
    execFileSync('mkfs.fat', ['-F', bits, '-s', '1', path], { stdio: 'ignore' });
    execFileSync('mcopy', ['-s', '-i', path, join(tree, 'deep'), join(tree, 'file'), '::'], { stdio: 'ignore' });
    execFileSync('mcopy', ['-s', '-i', path, join(tree, 'many'), '::'], { stdio: 'ignore' });
    return { name, kind: 'fat', format: 'raw', path };
  });
  const exfat = empty(join(folder, 'exfat.img'), 2 << 20);
  execFileSync('mkfs.exfat', ['-b', '4096', '-c', '4096', exfat], { stdio: 'ignore' });
  return [...samples, { name: 'exfat', kind: 'fat', format: 'raw', path: exfat }];
}

function imageSamples(folder: string): Sample[] {
  const raw = join(folder, 'source.raw');
  writeFileSync(raw, pattern(600 * 512));
  truncateSync(raw, 3 << 20);
  return IMAGES.map(([name, format, options]) => {
    const path = join(folder, `${name}.image`);
    execFileSync('qemu-img', ['convert', '-f', 'raw', '-O', format, ...options, raw, path]);
    return { name, kind: 'image', format, path, weight: 2 };
  });
}

function tableSamples(folder: string): Sample[] {
  const gpt = empty(join(folder, 'gpt.img'), 2 << 20);
  execFileSync('sgdisk', ['-a', '8', '-n', '1:64:+256K', '-n', '2:0:+256K', '-c', '2:name', gpt], { stdio: 'ignore' });
  const mbr = empty(join(folder, 'mbr.img'), 2 << 20);
  const layout =
    'label: dos\nstart=64,size=512,type=83\nstart=600,size=3000,type=5\nstart=664,size=500,type=83\nstart=1300,size=500,type=7\n';
  execFileSync('sfdisk', ['-q', mbr], { input: layout, stdio: ['pipe', 'ignore', 'ignore'] });
  return [
    { name: 'gpt', kind: 'partition', format: 'raw', path: gpt, weight: 2 },
    { name: 'mbr', kind: 'partition', format: 'raw', path: mbr, weight: 2 },
  ];
}
