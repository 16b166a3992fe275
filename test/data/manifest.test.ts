import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { findTool, requireTools } from '@vmcraft/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import { GuestFS, isVmcraftError, VmcraftError } from 'vmcraft';
import { IN_PROCESS } from '../guest/in-process.js';
import { DIFFERENCES, expectedBlkid } from './expectations.js';
import { listGuest } from './guest-listing.js';
import {
  type ContentFacts,
  type Entry,
  entries,
  type FilesystemFacts,
  hashOf,
  type ListedFile,
  MANIFEST,
  readListing,
  unpack,
} from './shared-data.js';
import { UNCOVERED } from './uncovered.js';

/** File systems that can be mounted; the others can be named. */
const MOUNTABLE = new Set(['ext2', 'ext3', 'ext4', 'vfat', 'exfat', 'ntfs', 'btrfs', 'xfs', 'iso9660', 'squashfs']);

/** What `blkid` says that `g.blkid` says too. */
const BLKID_KEYS = ['TYPE', 'LABEL', 'UUID', 'VERSION', 'SEC_TYPE', 'USAGE', 'PTTYPE', 'PTUUID'];

const excused = new Set(UNCOVERED.flatMap(({ names }) => names));
const images = entries.filter((entry) => entry.file !== undefined && !excused.has(entry.name));

/** The error that work ends with, which must be one of ours. */
async function typedError(work: Promise<unknown>): Promise<VmcraftError> {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown, String((thrown as Error | undefined)?.stack)).toBeInstanceOf(VmcraftError);
  return thrown as VmcraftError;
}

/** A value, or an error of ours; anything else is thrown on. */
async function valueOrTyped<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isVmcraftError(error) && error.code !== 'VMC_BUG') return undefined;
    throw error;
  }
}

async function checkIdentity(g: GuestFS, device: string, facts: Readonly<Record<string, string>>): Promise<void> {
  const said = await g.blkid(device);
  for (const key of BLKID_KEYS) {
    // The boot sector of exFAT ends as an MBR does; what would be its entries is zeros or code.
    if (key === 'PTTYPE' && facts.TYPE === 'exfat') continue;
    if (facts[key] !== undefined) expect(said[key], `${key} of ${device}`).toBe(facts[key]);
  }
  if (MOUNTABLE.has(facts.TYPE ?? '')) expect(said.BLOCK_SIZE).toBe(facts.BLOCK_SIZE);
  expect(await g.vfsType(device)).toBe(facts.TYPE ?? '');
  if (facts.TYPE === undefined) return;
  if (facts.LABEL !== undefined || facts.TYPE !== 'BitLocker') expect(await g.vfsLabel(device)).toBe(facts.LABEL ?? '');
  if (facts.UUID !== undefined) expect(await g.vfsUuid(device)).toBe(facts.UUID);
  const isPart = ['LVM2_member', 'linux_raid_member', 'zfs_member'].includes(facts.TYPE);
  const listed = await g.listFilesystems();
  const isDivided = Object.keys(listed).some((name) => name.startsWith(device) && name !== device);
  if (!isDivided) expect(listed[device]).toBe(isPart ? undefined : facts.TYPE);
}

async function checkExtFacts(g: GuestFS, device: string, dumped: Readonly<Record<string, string>>): Promise<void> {
  const said = await g.tune2fsL(device);
  // The listing leaves the folder of whoever made the image out.
  const { 'Last mounted on': mounted = '', ...exact } = dumped;
  expect(said['Last mounted on']?.endsWith(mounted), said['Last mounted on']).toBe(true);
  for (const [key, value] of Object.entries(exact)) {
    const words = (text: string | undefined): string[] =>
      (text ?? '')
        .split(' ')
        .filter((w) => w !== '')
        .sort();
    expect(words(said[key]), key).toEqual(words(value));
  }
}

/** Every file, as another tool lists it. */
async function checkFiles(g: GuestFS, device: string, facts: FilesystemFacts): Promise<void> {
  const listed = readListing(facts.lists?.files?.file ?? '');
  const isNtfs = facts.mounted?.startsWith('ntfs-3g') === true;
  if (isNtfs) await g.mountOptions('ro,show_sys_files', device, '/');
  else await g.mountRo(device, '/');
  // Of some files of the system ntfs-3g gives no more than the name.
  const expected = listed.map((file): ListedFile => (file.error === undefined ? file : { path: file.path }));
  // Nor does it list the table of files itself.
  if (isNtfs) expected.push({ path: '$MFT' });
  const byPath = new Map(expected.map((file) => [file.path, file]));
  const found = new Map((await listGuest(g, byPath)).map((file) => [file.path, file]));
  expect([...found.keys()].sort()).toEqual([...byPath.keys()].sort());
  for (const { xattrs: _, ...file } of expected) {
    const shown = found.get(file.path);
    expect(shown).toEqual(TIMELESS.has(file.path) ? { ...file, mtime: shown?.mtime } : file);
  }
  await g.umountAll();
}

/** Directories that stand for a subvolume which a snapshot does not contain: the kernel shows the time at which it was asked. */
const TIMELESS = new Set(['snap/subvol2']);

/** Everything that can be looked at is, and gives a value or an error of ours. */
async function exerciseDamaged(g: GuestFS, device: string): Promise<void> {
  await valueOrTyped(g.tune2fsL(device));
  if ((await valueOrTyped(g.mountRo(device, '/').then(() => true))) === undefined) return;
  await valueOrTyped(g.statvfs('/'));
  for (const path of (await valueOrTyped(g.find('/'))) ?? []) {
    await valueOrTyped(g.lstatns(`/${path}`));
    await valueOrTyped(g.readlink(`/${path}`));
    await valueOrTyped(g.readFile(`/${path}`));
  }
  await g.umountAll();
}

async function checkFilesystem(g: GuestFS, device: string, facts: FilesystemFacts, entry: Entry): Promise<void> {
  const type = await g.vfsType(device);
  if (entry.kind === 'bad' || (facts.mount_error !== undefined && facts.mounted === undefined)) {
    if (MOUNTABLE.has(type)) return exerciseDamaged(g, device);
  }
  if (!MOUNTABLE.has(type)) {
    const error = await typedError(g.mountRo(device, '/'));
    expect(error.code).toBe('VMC_NO_PROVIDER');
    expect(error.message).toContain(type === '' ? 'unknown file system' : `'${type}'`);
    return;
  }
  if (facts.dumpe2fs !== undefined) await checkExtFacts(g, device, facts.dumpe2fs);
  // Of what is there for its signature alone nobody made a listing.
  if (entry.opts?.detect !== undefined) return exerciseDamaged(g, device);
  expect(facts.lists?.files, `${device} has a listing`).toBeDefined();
  await checkFiles(g, device, facts);
}

async function checkPartitions(g: GuestFS, content: ContentFacts, entry: Entry): Promise<void> {
  for (const { index, start, size, ...facts } of content.partitions ?? []) {
    const part = (await g.partList('/dev/sda')).find((p) => Number(p.part_num) === index);
    expect([part?.part_start, part?.part_size].map(Number)).toEqual([start, size]);
    await checkIdentity(g, `/dev/sda${index}`, (facts.blkid ?? {}) as Readonly<Record<string, string>>);
    await checkFilesystem(g, `/dev/sda${index}`, facts, entry);
  }
}

describe.runIf(requireTools(`data:${MANIFEST}`))('the manifest of real data', () => {
  it('is covered', () => {
    const covered = new Set([...excused, ...images.map(({ name }) => name)]);
    expect(entries.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
    expect([...excused, ...Object.keys(DIFFERENCES)].filter((name) => !entries.some((e) => e.name === name))).toEqual(
      [],
    );
  });

  async function checkOpened(path: string, entry: Entry): Promise<void> {
    const { oracle } = entry;
    await using g = await GuestFS.open(path, { readonly: true, ...IN_PROCESS });
    const info = g.session.imageInfo(0);
    expect(info?.format).toBe(oracle?.info?.format ?? 'raw');
    // A raw disk ends with a whole sector, as qemu shows it.
    expect(info?.virtualSize).toBe(oracle?.info?.['virtual-size'] ?? Math.ceil((entry.size ?? 0) / 512) * 512);
    expect(Number(await g.blockdevGetsize64('/dev/sda'))).toBe(info?.virtualSize);
    // Devices of one file system have its contents, as far as each alone shows them.
    const leader = entries.find(({ name }) => name === entry.group_leader);
    const content = oracle?.content ?? oracle ?? leader?.oracle ?? {};
    const facts = expectedBlkid(entry);
    await checkIdentity(g, '/dev/sda', facts);
    if (DIFFERENCES[entry.name] === undefined && facts.PTTYPE !== 'sun') await checkPartitions(g, content, entry);
    await checkFilesystem(g, '/dev/sda', content, entry);
  }

  /** Images that must not open: the code, and what the message names. */
  function refusal(entry: Entry): { code: string; names: RegExp } | undefined {
    if (entry.opts?.expect === 'reject') return { code: 'VMC_CORRUPT', names: /vmdk/ };
    if (entry.name.endsWith('.ova')) return { code: 'VMC_NO_PROVIDER', names: /ova/ };
    const isParallels = entry.oracle?.info?.format === 'parallels';
    return isParallels && findTool('qemu-nbd') === undefined
      ? { code: 'VMC_NO_PROVIDER', names: /parallels/ }
      : undefined;
  }

  for (const entry of images) {
    it(entry.name, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'vmcraft-data-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      const path = join(folder, basename(entry.name));
      await unpack(entry, path);
      const { mtimeNs } = statSync(path, { bigint: true });
      const refused = refusal(entry);
      if (refused === undefined) await checkOpened(path, entry);
      else {
        const error = await typedError(GuestFS.open(path, { readonly: true }));
        expect(error.code).toBe(refused.code);
        expect(error.message).toMatch(refused.names);
      }
      expect(statSync(path, { bigint: true }).mtimeNs).toBe(mtimeNs);
      expect(readdirSync(folder)).toEqual([basename(path)]);
      expect(await hashOf(path)).toBe(entry.sha256);
    });
  }
});
