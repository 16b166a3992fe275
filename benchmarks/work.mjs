// Who does what in each comparison. Every function gives contestants for `measure`; the first is VMCraft.
import { closeSync, ftruncateSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { makeExt4, WORK } from './fixtures.mjs';
import { findTool, hasKvm } from './host.mjs';
import { KernelMount } from './kernel-mount.mjs';
import { host } from './sampler.mjs';

const cli = fileURLToPath(new URL('../packages/vmcraft/dist/bundle/cli.js', import.meta.url));
const jobs = new Map();
/** A program of the folder `jobs`, bundled as the command is. */
const job = (name) => jobs.get(name);
const node = (...args) => [process.execPath, ...args];
const isRoot = process.getuid?.() === 0;

/** Bundle the programs of the folder `jobs`. */
export async function bundleJobs(folder) {
  const names = ['array', 'decrypt', 'hive', 'inspect', 'make-bitlocker', 'read', 'walk', 'write'];
  await build({
    entryPoints: names.map((name) => fileURLToPath(new URL(`jobs/${name}.mjs`, import.meta.url))),
    outdir: join(folder, 'jobs'),
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    minifySyntax: true,
    minifyWhitespace: true,
    banner: { js: "import{createRequire as jobRequire}from'node:module';const require=jobRequire(import.meta.url);" },
    logLevel: 'error',
  });
  for (const name of names) jobs.set(name, join(folder, 'jobs', `${name}.mjs`));
}

const GUESTFS = {
  LIBGUESTFS_BACKEND: 'direct',
  ...(hasKvm() ? {} : { LIBGUESTFS_BACKEND_SETTINGS: 'force_tcg' }),
};
/** The same by guestfish, where it is installed. */
export const guestfish = (...args) =>
  findTool('guestfish') ? [{ name: 'guestfish', argv: ['guestfish', '--ro', ...args], env: GUESTFS, samples: 1 }] : [];

function expectText(text) {
  return (sample) => {
    if (!sample.text.includes(text)) throw new Error(`expected ${text}, got ${sample.text}`);
  };
}

/** Node alone, then the first byte of a small file. */
export function startContestants({ qcow2 }) {
  const check = expectText('benchmark');
  return [
    { name: 'vmcraft', argv: node(cli, 'cat', '-a', qcow2, '-m', '/dev/sda', '/etc/hostname'), check },
    { name: 'node', argv: node('--eval', 'process.stdout.write("0")') },
    ...guestfish('-a', qcow2, '-m', '/dev/sda', 'cat', '/etc/hostname').map((c) => ({ ...c, check })),
  ];
}

/** What is on a Linux guest. */
export function inspectContestants(image, { compare }) {
  return [
    { name: 'vmcraft', argv: node(cli, 'inspect', image), check: expectText('Debian') },
    { name: 'in-process', argv: node(job('inspect'), image), check: expectText('again'), samples: 3 },
    ...(compare
      ? guestfish('-a', image, '-i', 'cat', '/etc/os-release').map((c) => ({
          ...c,
          check: expectText('Debian'),
        }))
      : []),
  ];
}

/** A kernel mount made anew for each sample, so that it, too, has nothing cached but the image file. */
function onKernelMount(folder, image, contestants, type = 'ext4') {
  if (!isRoot || (type === 'ntfs-3g' && findTool(type) === undefined)) return [];
  const mount = new KernelMount(folder, image, 'ro', type);
  return contestants(mount.folder).map(({ cached, ...contestant }) => ({
    ...contestant,
    before: () => (cached ? undefined : mount.mount()),
    after: () => (cached ? mount.unmount() : undefined),
    close: () => mount.close(),
  }));
}

export function walkContestants(folder, { raw }) {
  const argv = (root) => ['find', root, '-printf', '%p %y %m %U %G %s %n %T@\\n'];
  return [
    { name: 'vmcraft', argv: node(job('walk'), raw), check: expectText(`"bytes":${WORK.walkFiles * 100 + 10}`) },
    ...onKernelMount(folder, raw, (root) => [
      { name: 'find', argv: argv(root), output: 'discard' },
      { name: 'find, cached', argv: argv(root), output: 'discard', cached: true },
    ]),
    ...(findTool('fls') ? [{ name: 'fls -r', argv: ['fls', '-r', raw], output: 'discard' }] : []),
    ...(findTool('fls') ? [{ name: 'fls -r -m', argv: ['fls', '-r', '-m', '/', raw], output: 'discard' }] : []),
  ];
}

/** List and stat everything on NTFS. */
export function ntfsWalkContestants(folder, image) {
  const discard = { output: 'discard' };
  const argv = (root) => ['find', root, '-printf', '%p %y %s %n %T@\\n'];
  return [
    {
      name: 'vmcraft',
      argv: node(job('walk'), image),
      check: expectText(`"bytes":${WORK.ntfsFiles * 100 + WORK.ntfsBytes}`),
    },
    ...onKernelMount(folder, image, (root) => [{ name: 'find on ntfs-3g', argv: argv(root), ...discard }], 'ntfs-3g'),
    ...(findTool('fls') ? [{ name: 'fls -r -m', argv: ['fls', '-r', '-m', '/', image], ...discard }] : []),
    ...guestfish('-a', image, '-m', '/dev/sda', 'find', '/').map((c) => ({ ...c, ...discard })),
  ];
}

/** Read a file on NTFS. */
export function ntfsReadContestants(folder, image) {
  const discard = { output: 'discard' };
  return [
    { name: 'vmcraft cat', argv: node(cli, 'cat', '-a', image, '-m', '/dev/sda', '/large'), ...discard },
    ...onKernelMount(
      folder,
      image,
      (root) => [{ name: 'cat on ntfs-3g', argv: ['cat', join(root, 'large')], ...discard }],
      'ntfs-3g',
    ),
    // The mount above stays for all samples, and both only read.
    ...(findTool('ntfscat') ? [{ name: 'ntfscat', argv: ['ntfscat', '--force', image, '/large'], ...discard }] : []),
  ];
}

/** List and stat everything on a file system of the kernel's. */
export function kernelWalkContestants(folder, image, type) {
  const argv = (root) => ['find', root, '-printf', '%p %y %m %U %G %s %n %T@\\n'];
  const check = expectText(`"bytes":${WORK.kernelFiles * 100 + WORK.kernelBytes}`);
  return [
    { name: 'vmcraft', argv: node(job('walk'), image), check },
    ...onKernelMount(folder, image, (root) => [{ name: 'find', argv: argv(root), output: 'discard' }], type),
  ];
}

/** Read a file on a file system of the kernel's. */
export function kernelReadContestants(folder, image, type) {
  return [
    { name: 'vmcraft', argv: node(job('read'), image, '/large'), check: expectText(`"bytes":${WORK.kernelBytes}`) },
    ...onKernelMount(
      folder,
      image,
      (root) => [{ name: 'cat', argv: ['cat', join(root, 'large')], output: 'discard' }],
      type,
    ),
  ];
}

/** Every key and value of a registry hive with its data: 100 groups of `count` keys, three values in each. */
export function hiveContestants(folder, count) {
  const hive = join(folder, `hive-${count}`);
  host(process.execPath, job('hive'), '--make', hive, String(count));
  const discard = { output: 'discard' };
  const expected = `"keys":${count * 100 + 102},"values":${count * 300}`;
  return [
    { name: 'vmcraft', argv: node(job('hive'), hive), check: expectText(expected) },
    ...(findTool('hivexml') ? [{ name: 'hivexml', argv: ['hivexml', hive], ...discard }] : []),
    ...(findTool('reglookup') ? [{ name: 'reglookup', argv: ['reglookup', hive], ...discard }] : []),
  ];
}

/** The inode number of /large, as sleuthkit wants it. */
function inodeOf(image) {
  return /Inode: (\d+)/.exec(host('debugfs', '-R', 'stat /large', image))[1];
}

export function readContestants(folder, { raw, qcow2 }) {
  const check = expectText(`"bytes":${WORK.readBytes}`);
  const ours = (image) => node(cli, 'cat', '-a', image, '-m', '/dev/sda', '/large');
  const theirs = ['debugfs', '-R', 'cat /large', raw];
  for (const image of [raw, qcow2]) expectSameOutput(ours(image), theirs);
  const discard = { output: 'discard' };
  return [
    { name: 'vmcraft cat, raw', argv: ours(raw), ...discard },
    { name: 'vmcraft cat, qcow2', argv: ours(qcow2), ...discard },
    ...onKernelMount(folder, raw, (root) => [
      { name: 'cat', argv: ['cat', join(root, 'large')], ...discard },
      { name: 'cat, cached', argv: ['cat', join(root, 'large')], ...discard, cached: true },
    ]),
    { name: 'vmcraft, in-process', argv: node(job('read'), raw, '/large'), check },
    { name: 'debugfs cat', argv: theirs, ...discard },
    ...(findTool('icat') ? [{ name: 'icat', argv: ['icat', raw, inodeOf(raw)], ...discard }] : []),
  ];
}

/** Read an encrypted volume; qemu and nbdkit know LUKS1 only, whose sectors are encrypted in the same way. */
export function luksContestants({ luks1, luks2, key }) {
  const check = expectText(`"bytes":${WORK.luksBytes}`);
  const source = `driver=luks,key-secret=s,file.driver=file,file.filename=${luks1}`;
  const step = 64;
  const reads = Array.from({ length: WORK.luksBytes / (step << 20) }, (_, i) => [
    '-c',
    `read -q ${i * step}M ${step}M`,
  ]);
  return [
    { name: 'vmcraft', argv: node(job('decrypt'), luks2 ?? luks1, key), check },
    {
      name: 'qemu-io',
      argv: ['qemu-io', '-r', '--object', `secret,id=s,file=${key}`, '--image-opts', ...reads.flat(), source],
      output: 'discard',
    },
    ...(findTool('nbdkit') && findTool('nbdcopy')
      ? [
          {
            name: 'nbdkit luks filter',
            argv: [
              'nbdkit',
              '-r',
              '-U',
              '-',
              '--filter=luks',
              'file',
              luks1,
              `passphrase=+${key}`,
              '--run',
              'nbdcopy "$uri" null:',
            ],
            output: 'discard',
          },
        ]
      : []),
  ];
}

/** Read a BitLocker volume to its end. */
export function bitlockerContestants(folder) {
  const [image, key, plain] = ['bitlocker', 'bitlocker.BEK', 'bitlocker-plain'].map((name) => join(folder, name));
  host(process.execPath, job('make-bitlocker'), image, key, String(WORK.bitlockerBytes));
  return [
    { name: 'vmcraft', argv: node(job('decrypt'), image, key), check: expectText(`"bytes":${WORK.bitlockerBytes}`) },
    ...(findTool('dislocker-file')
      ? [
          {
            name: 'dislocker-file (writes what it decrypts)',
            argv: ['dislocker-file', '-q', '-V', image, '-f', key, '--', plain],
            output: 'discard',
            after: () => rmSync(plain, { force: true }),
          },
        ]
      : []),
  ];
}

/** Read a RAID 5 of four members, with all of them and with one missing; `cat` reads the disks that the latter has. */
export function arrayContestants(folder) {
  const make = (name, slots, count) => {
    const disks = Array.from({ length: count }, (_, i) => join(folder, `${name}-${i}.img`));
    for (const disk of disks) {
      const file = openSync(disk, 'w');
      ftruncateSync(file, WORK.arrayBytes / (slots - 1) + (1 << 20));
      closeSync(file);
    }
    host(...node(job('array'), 'make', String(slots), ...disks));
    return disks;
  };
  const [whole, degraded] = [make('whole', 4, 4), make('degraded', 4, 3)];
  const check = expectText(`"bytes":${WORK.arrayBytes}`);
  return [
    { name: 'vmcraft, a member missing', argv: node(job('array'), 'read', ...degraded), check },
    { name: 'vmcraft, whole', argv: node(job('array'), 'read', ...whole), check },
    { name: 'cat of three members', argv: ['cat', ...degraded], output: 'discard' },
  ];
}

/** What is measured without looking at the output must give the right one. */
function expectSameOutput(a, b) {
  const quoted = ([command, ...args]) =>
    [findTool(command) ?? command, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  host('bash', '-c', `cmp <(${quoted(a)}) <(${quoted(b)} 2>/dev/null)`);
}

/** Copy a folder into an empty file system, and make it durable. */
export function writeContestants(folder, source, { files, bytes }) {
  const [ours, theirs] = [join(folder, 'write-ours.raw'), join(folder, 'write-kernel.raw')];
  const size = 2048 * 1024 * 1024;
  const entries = readdirSync(source).map((name) => join(source, name));
  const sample = {
    before: () => makeExt4(ours, size),
    after: () => {
      checkWritten(ours, files, bytes);
      rmSync(ours);
    },
  };
  const vmcraft = [
    { name: 'vmcraft', argv: node(cli, 'copy-in', '-a', ours, '-m', '/dev/sda', ...entries, '/'), ...sample },
    { name: 'in-process', argv: node(job('write'), ours, source), ...sample },
  ];
  if (!isRoot) return vmcraft;
  makeExt4(theirs, size);
  const mount = new KernelMount(folder, theirs, 'rw');
  const copy = 'cp -r "$0"/. "$1" && sync -f "$1"';
  return [
    ...vmcraft,
    {
      name: 'kernel',
      argv: ['sh', '-c', copy, source, mount.folder],
      before: () => {
        makeExt4(theirs, size);
        mount.mount();
      },
      after: () => mount.unmount(),
      close: () => mount.close(),
    },
  ];
}

/** The work that was measured must have been done. */
function checkWritten(image, files, bytes) {
  const found = /: (\d+)\/\d+ files/.exec(host('e2fsck', '-fn', image));
  // Ten reserved inodes and lost+found come with the file system.
  if (Number(found?.[1]) !== files + 11) throw new Error(`${basename(image)} has ${found?.[1]} files`);
  const free = /^Free blocks:\s+(\d+)$/m.exec(host('dumpe2fs', '-h', image))[1];
  const count = /^Block count:\s+(\d+)$/m.exec(host('dumpe2fs', '-h', image))[1];
  if ((count - free) * 4096 < bytes) throw new Error(`${basename(image)} does not hold ${bytes} bytes`);
}
