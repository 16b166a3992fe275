import { execFile, spawn } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LookAlike } from './build.js';
import type { DiskLayout, LayoutPartition } from './disk-layout.js';

const run = promisify(execFile);
const SECTOR = 512;

const GPT_TYPES: Readonly<Record<LayoutPartition['role'], string>> = {
  esp: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  msr: 'E3C9E316-0B5C-4DB8-817D-F92DF00215AE',
  reserved: 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7',
  windows: 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7',
  recovery: 'DE94BBA4-06D1-4D40-A16A-BFD50179D6AC',
  data: 'EBD0A0A2-B9E5-4433-87C0-68B6B72699C7',
};

/** Write the raw disk of a look-alike: its table by sgdisk or sfdisk, its file systems by mkntfs with ntfs-3g and mkfs.fat with mcopy. */
export async function writeDisk(built: LookAlike): Promise<void> {
  const { disk, layout } = built;
  writeFileSync(disk, '');
  truncateSync(disk, layout.size);
  await (layout.table === 'gpt' ? writeGpt(disk, layout) : writeMbr(disk, layout));
  for (const partition of layout.partitions) {
    if (partition.filesystem === 'none') continue;
    const volume = `${disk}.part`;
    writeFileSync(volume, '');
    truncateSync(volume, partition.size);
    await (partition.filesystem === 'vfat' ? fillFat : fillNtfs)(volume, partition, sourceOf(built, partition));
    await run('dd', [
      `if=${volume}`,
      `of=${disk}`,
      'bs=1M',
      `seek=${partition.offset >> 20}`,
      'conv=sparse,notrunc',
      'status=none',
    ]);
    rmSync(volume);
  }
}

function sourceOf(built: LookAlike, { role }: LayoutPartition): string | undefined {
  if (role === 'windows') return built.tree;
  return role === 'esp' || role === 'reserved' ? built.boot : undefined;
}

async function writeGpt(disk: string, layout: DiskLayout): Promise<void> {
  const options = ['-U', layout.diskGuid];
  for (const [i, p] of layout.partitions.entries()) {
    const start = p.offset / SECTOR;
    options.push('-n', `${i + 1}:${start}:${start + p.size / SECTOR - 1}`, '-t', `${i + 1}:${GPT_TYPES[p.role]}`);
    options.push(
      '-u',
      `${i + 1}:${p.guid}`,
      '-c',
      `${i + 1}:${p.role === 'esp' ? 'EFI system partition' : 'Basic data partition'}`,
    );
  }
  await run('sgdisk', ['-a', '1', ...options, disk]);
}

async function writeMbr(disk: string, layout: DiskLayout): Promise<void> {
  const lines = [`label: dos`, `label-id: 0x${layout.signature.toString(16)}`];
  for (const [i, p] of layout.partitions.entries()) {
    lines.push(`start=${p.offset / SECTOR}, size=${p.size / SECTOR}, type=7${i === 0 ? ', bootable' : ''}`);
  }
  const sfdisk = run('sfdisk', ['-q', '--no-reread', '--no-tell-kernel', disk]);
  sfdisk.child.stdin!.end(`${lines.join('\n')}\n`);
  await sfdisk;
}

async function fillFat(volume: string, partition: LayoutPartition, source: string | undefined): Promise<void> {
  await run('mkfs.fat', ['-F', '32', '-n', partition.label, volume]);
  if (source !== undefined)
    await run('mcopy', ['-s', '-i', volume, ...readdirSync(source).map((name) => join(source, name)), '::']);
}

async function fillNtfs(volume: string, partition: LayoutPartition, source: string | undefined): Promise<void> {
  const geometry = ['-p', String(partition.offset / SECTOR), '-H', '255', '-S', '63'];
  await run('mkntfs', [
    '-F',
    '-Q',
    '-q',
    '-c',
    '4096',
    '-s',
    String(SECTOR),
    ...geometry,
    '-L',
    partition.label,
    volume,
  ]);
  await withNtfs(volume, (mounted) => {
    if (source !== undefined) cpSync(source, mounted, { recursive: true });
    mkdirSync(join(mounted, 'System Volume Information'), { recursive: true });
  });
}

/** Mount a volume with ntfs-3g while `work` runs. */
export async function withNtfs(volume: string, work: (mounted: string) => void | Promise<void>): Promise<void> {
  const mounted = mkdtempSync(join(tmpdir(), 'vmcraft-ntfs-'));
  // In the foreground, so that its end means that everything is written.
  const driver = spawn('ntfs-3g', ['-o', 'no_detach,noatime,silent', volume, mounted], { stdio: 'ignore' });
  const ended = new Promise<void>((resolve, reject) => {
    driver.once('error', reject);
    driver.once('exit', () => resolve());
  });
  try {
    await waitForMount(mounted, driver);
    await work(mounted);
  } finally {
    await run('umount', [mounted]).catch(() => undefined);
    await ended;
    rmdirSync(mounted);
  }
}

async function waitForMount(mounted: string, driver: { exitCode: number | null }): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (driver.exitCode !== null) throw new Error(`ntfs-3g ended with ${driver.exitCode}`);
    const isMounted = await run('mountpoint', ['-q', mounted]).then(
      () => true,
      () => false,
    );
    if (isMounted) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('ntfs-3g did not mount in time');
}
