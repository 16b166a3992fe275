import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryDevice, S_IFDIR, S_IFLNK, S_IFREG } from '@vmcraft/core';
import { ntfsDriver } from '@vmcraft/fs-ntfs';
import { pattern } from '@vmcraft/testkit';
import { NtfsMount } from '../ntfs/ntfs-mount.js';
import type { Writable } from '../ntfs/random-changes.js';
import type { Sample } from './fuzz-group.js';

/** What making the samples needs. */
export const NTFS_NEEDS = ['root', 'mkntfs', 'ntfs-3g', 'setfattr'];

const MIB = 1 << 20;
const SHAPES: readonly (readonly [name: string, size: number, options: readonly string[], weight: number])[] = [
  ['ntfs', 3 * MIB, ['-c', '512'], 3],
  ['ntfs-4k', 4 * MIB, ['-c', '4096', '-s', '4096'], 2],
  ['ntfs-compressed', 4 * MIB, ['-c', '4096'], 2],
];

/** Make all samples below `folder`. */
export async function makeNtfsCorpus(folder: string): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (const [name, size, options, weight] of SHAPES) {
    const path = join(folder, `${name}.img`);
    writeFileSync(path, '');
    truncateSync(path, size);
    execFileSync('mkntfs', ['-Q', '-F', '-q', ...options, path], { stdio: 'pipe' });
    if (name === 'ntfs-compressed') await compress(path);
    await populate(path);
    samples.push({ name, kind: 'ntfs', format: 'raw', path, weight });
  }
  return samples;
}

/** Files compressed by ntfs-3g, and one behind the overlay filter. */
async function compress(path: string): Promise<void> {
  const mount = await NtfsMount.open(path, 'compression', 'streams_interface=windows');
  const dir = join(mount.folder, 'compressed');
  mkdirSync(dir);
  execFileSync('setfattr', ['-n', 'system.ntfs_attrib_be', '-v', '0x00000800', dir]);
  for (let i = 0; i < 5; i++) writeFileSync(join(dir, `text${i}`), 'some words to be found again. '.repeat(i * 400));
  const overlaid = join(mount.folder, 'overlaid');
  writeFileSync(overlaid, 'x'.repeat(5000));
  // The offset of the second chunk, and two chunks that did not get smaller.
  writeFileSync(`${overlaid}:WofCompressedData`, Buffer.concat([Buffer.from([0, 16, 0, 0]), pattern(5000)]));
  execFileSync('setfattr', [
    '-n',
    'system.ntfs_reparse_data',
    '-v',
    `0x170000801000000001000000020000000100000000000000`,
    overlaid,
  ]);
  await mount.close();
}

/** Directories with several levels, links, streams and a file in so many pieces that it needs extension records. */
async function populate(path: string): Promise<void> {
  const device = MemoryDevice.from(readFileSync(path), { writable: true });
  const fs = (await ntfsDriver.open(device, { readonly: false })) as Writable;
  const dir = await fs.create(fs.root, 'many', { mode: S_IFDIR });
  for (let i = 0; i < 60; i++) {
    const node = await fs.create(dir, `a name that takes some room ${i}`, { mode: S_IFREG });
    if (i % 10 === 0) await fs.write(node, 0, pattern(300 + i * 40));
  }
  const file = await fs.create(fs.root, 'file', { mode: S_IFREG });
  await fs.write(file, 100_000, pattern(50_000));
  await fs.link(file, dir, 'hard');
  await fs.setXattr(file, 'user.small', pattern(40));
  await fs.setXattr(file, 'user.large', pattern(9000));
  await fs.create(fs.root, 'link', { mode: S_IFLNK, target: '../many/hard' });
  await fs.create(fs.root, 'long', { mode: S_IFLNK, target: `:${'l'.repeat(900)}` });
  const pieces = await fs.create(fs.root, 'pieces', { mode: S_IFREG });
  const other = await fs.create(fs.root, 'other', { mode: S_IFREG });
  for (let i = 0; i < 200; i++) {
    await fs.write(pieces, i * 1024, pattern(1024, i));
    await fs.write(other, i * 1024, pattern(1024, i));
  }
  await fs.unlink(fs.root, 'other');
  await fs.close();
  writeFileSync(path, await device.read(0, device.size));
}
