// The images that are measured, made with the host's own tools.
import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findTool } from './host.mjs';
import { KernelMount } from './kernel-mount.mjs';
import { host } from './sampler.mjs';

const repository = fileURLToPath(new URL('..', import.meta.url));
const MiB = 1 << 20;

/** Sizes of the work. */
export const WORK = {
  walkFiles: 100_000,
  readBytes: 1024 * MiB,
  smallFiles: 10_000,
  largeBytes: 300 * MiB,
  luksBytes: 512 * MiB,
  bitlockerBytes: 128 * MiB,
  arrayBytes: 384 * MiB,
  ntfsFiles: 20_000,
  ntfsBytes: 256 * MiB,
  kernelFiles: 100_000,
  kernelBytes: 512 * MiB,
};

/** A file of bytes that do not compress. */
function writeRandom(path, length) {
  const chunk = randomFillSync(new Uint8Array(MiB));
  const file = openSync(path, 'w');
  for (let done = 0; done < length; done += MiB) {
    // Every chunk differs, so that nothing on the way can recognise it.
    chunk.set(randomFillSync(new Uint8Array(4096)), 0);
    writeSync(file, chunk, 0, Math.min(MiB, length - done));
  }
  closeSync(file);
}

/** A tree of small files: `folders` folders of `files` files. `size` gives the bytes of a file by its number. */
function writeTree(root, folders, files, size) {
  const bytes = randomFillSync(new Uint8Array(64 * 1024));
  for (let d = 0; d < folders; d++) {
    const folder = join(root, `group-${String(d % 20).padStart(2, '0')}`, `folder-${String(d).padStart(4, '0')}`);
    mkdirSync(folder, { recursive: true });
    for (let f = 0; f < files; f++) {
      writeFileSync(join(folder, `file-${String(f).padStart(5, '0')}.txt`), bytes.subarray(0, size(f)));
    }
  }
}

/** An empty ext4 in a raw image; `tree` is copied into it by mke2fs itself. */
export function makeExt4(path, size, { tree, inodes } = {}) {
  writeFileSync(path, '');
  truncateSync(path, size);
  const options = [
    ...(inodes === undefined ? [] : ['-N', String(inodes)]),
    ...(tree === undefined ? [] : ['-d', tree]),
  ];
  host('mke2fs', '-q', '-F', '-t', 'ext4', ...options, path);
}

const asQcow2 = (raw, qcow2) => host('qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, qcow2);

/** 100 000 files on a 4 GiB ext4, as raw and qcow2. */
export function walkImages(folder) {
  const tree = join(folder, 'walk-tree');
  writeTree(tree, 200, WORK.walkFiles / 200, () => 100);
  mkdirSync(join(tree, 'etc'));
  writeFileSync(join(tree, 'etc/hostname'), 'benchmark\n');
  const [raw, qcow2] = [join(folder, 'walk.raw'), join(folder, 'walk.qcow2')];
  makeExt4(raw, 4096 * MiB, { tree, inodes: 400_000 });
  execFileSync('rm', ['-r', tree]);
  asQcow2(raw, qcow2);
  return { raw, qcow2 };
}

/** One file of 1 GiB on ext4, as raw and qcow2. */
export function readImages(folder) {
  const tree = join(folder, 'read-tree');
  mkdirSync(tree);
  writeRandom(join(tree, 'large'), WORK.readBytes);
  const [raw, qcow2] = [join(folder, 'read.raw'), join(folder, 'read.qcow2')];
  makeExt4(raw, 2048 * MiB, { tree });
  execFileSync('rm', ['-r', tree]);
  asQcow2(raw, qcow2);
  return { raw, qcow2 };
}

/** A volume of random bytes, encrypted by qemu as LUKS1; and the same as LUKS2 where cryptsetup is there to convert the header. */
export function luksImages(folder) {
  const [plain, luks1, luks2, key] = ['plain', 'luks1', 'luks2', 'luks-key'].map((name) => join(folder, name));
  writeFileSync(key, 'benchmark');
  writeRandom(plain, WORK.luksBytes);
  const secret = ['--object', `secret,id=s,file=${key}`];
  if (findTool('cryptsetup') === undefined) {
    host('qemu-img', 'convert', ...secret, '-O', 'luks', '-o', 'key-secret=s,iter-time=10', plain, luks1);
    return { luks1, key };
  }
  // The header of cryptsetup can be converted afterwards, that of qemu cannot.
  writeFileSync(luks1, '');
  truncateSync(luks1, WORK.luksBytes + 2 * MiB);
  host('cryptsetup', '-q', 'luksFormat', '--type', 'luks1', '--pbkdf-force-iterations', '1000', luks1, key);
  const target = `driver=luks,key-secret=s,file.driver=file,file.filename=${luks1}`;
  host('qemu-img', 'convert', '-n', ...secret, '--target-image-opts', plain, target);
  execFileSync('cp', [luks1, luks2]);
  host('cryptsetup', '-q', 'convert', '--type', 'luks2', luks2);
  return { luks1, luks2, key };
}

/** An NTFS of mkntfs that ntfs-3g filled; undefined where the host lacks them, or the right to mount. */
export function ntfsImage(folder) {
  if (findTool('mkntfs') === undefined || findTool('ntfs-3g') === undefined || process.getuid?.() !== 0)
    return undefined;
  const image = join(folder, 'ntfs.raw');
  writeFileSync(image, '');
  truncateSync(image, 1024 * MiB);
  host('mkntfs', '-Q', '-F', '-q', image);
  const mount = new KernelMount(folder, image, 'rw', 'ntfs-3g');
  try {
    mount.mount();
    writeTree(mount.folder, 40, WORK.ntfsFiles / 40, () => 100);
    writeRandom(join(mount.folder, 'large'), WORK.ntfsBytes);
  } finally {
    mount.close();
  }
  return image;
}

/**
 * A file system that the kernel filled; undefined where the host cannot make or mount one.
 * @param type `xfs` or `btrfs`
 * @param options mount options while it is filled; with compression the large file is text, else it is random
 */
export function kernelImage(folder, type, options = '') {
  const mkfs = `mkfs.${type}`;
  if (findTool(mkfs) === undefined || process.getuid?.() !== 0) return undefined;
  const image = join(folder, `${type}${options === '' ? '' : '-packed'}.raw`);
  writeFileSync(image, '');
  truncateSync(image, 2048 * MiB);
  host(mkfs, '-q', '-f', image);
  const mount = new KernelMount(folder, image, ['rw', options].filter(Boolean).join(','), type);
  try {
    mount.mount();
    if (options === '') writeTree(mount.folder, 200, WORK.kernelFiles / 200, () => 100);
    const write = options === '' ? writeRandom : writeText;
    write(join(mount.folder, 'large'), WORK.kernelBytes);
  } finally {
    mount.close();
  }
  return image;
}

/** Lines that differ, and pack to about a fifth. */
function writeText(path, bytes) {
  const lines = Array.from(
    { length: 20_000 },
    (_, i) => `${(i * 2654435761) % 4294967296} a line of a log, number ${i}\n`,
  );
  const piece = Buffer.from(lines.join(''));
  writeFileSync(path, '');
  for (let left = bytes; left > 0; left -= piece.length) appendFileSync(path, piece.subarray(0, left));
}

/** What is written into guests: 10 000 small files, and one of 300 MiB. */
export function writeSources(folder) {
  const [small, large] = [join(folder, 'small'), join(folder, 'large')];
  writeTree(small, 100, WORK.smallFiles / 100, (number) => 500 + number * 40);
  mkdirSync(large);
  writeRandom(join(large, 'large'), WORK.largeBytes);
  return { small, large };
}

/** Linux guests to inspect: the sample of the repository, and the Debian of the tests where it has been built. */
export function guests() {
  const sample = join(repository, 'examples/sample-guest/debian.qcow2');
  const debian = join(repository, '.cache/debian/guest.raw');
  return { sample, ...(existsSync(debian) ? { debian } : {}) };
}
