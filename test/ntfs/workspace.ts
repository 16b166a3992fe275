import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlockDevice, FileSystem, FsOpenOptions } from '@vmcraft/core/contracts';
import { ntfsDriver } from '@vmcraft/fs-ntfs';
import { ImageDevice } from '../ext/image.js';

const MIB = 1024 * 1024;

/** How a volume is made. Sizes are bytes. */
export interface VolumeShape {
  readonly size: number;
  readonly cluster: number;
  readonly sector?: number;
  readonly label?: string;
}

/** A folder for NTFS images that goes away with `remove`. */
export class NtfsWorkspace {
  readonly folder = mkdtempSync(join(tmpdir(), 'vmcraft-ntfs-'));

  path(name: string): string {
    return join(this.folder, name);
  }

  /** An empty image file of so many bytes. */
  blank(name: string, size: number): string {
    const path = this.path(name);
    writeFileSync(path, '');
    truncateSync(path, size);
    return path;
  }

  /** A volume made by mkntfs. */
  mkntfs(name: string, shape: VolumeShape): string {
    const path = this.blank(name, shape.size);
    const args = ['-c', `${shape.cluster}`, '-s', `${shape.sector ?? 512}`, '-L', shape.label ?? 'test'];
    execFileSync('mkntfs', ['-Q', '-F', ...args, path], { stdio: 'pipe' });
    return path;
  }

  /** A volume made by our own format. */
  async format(name: string, shape: VolumeShape): Promise<string> {
    const path = this.blank(name, shape.size);
    const device = await ImageDevice.open(path);
    const sectorSize = shape.sector ?? 512;
    await ntfsDriver.format?.(device, 'ntfs', { blockSize: shape.cluster, sectorSize, label: shape.label ?? 'test' });
    await device.close();
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** An image opened by our driver; `close` closes the image too. */
export interface Opened {
  readonly fs: FileSystem;
  readonly device: BlockDevice;
  close(): Promise<void>;
}

/** Open an image with our driver, for reading unless `options` say otherwise. */
export async function openNtfs(image: string, options: Partial<FsOpenOptions> = {}): Promise<Opened> {
  const readonly = options.readonly ?? true;
  const device = await ImageDevice.open(image, !readonly);
  const fs = await ntfsDriver.open(device, { ...options, readonly });
  const close = async (): Promise<void> => {
    await fs.close();
    await device.close();
  };
  return { fs, device, close };
}

/** What our own check finds in an image; empty when all is well. */
export async function findingsIn(image: string): Promise<string[]> {
  const device = await ImageDevice.open(image);
  const report = await ntfsDriver.check?.(device);
  await device.close();
  return report?.findings.map(({ severity, message }) => `${severity}: ${message}`) ?? ['there is no check'];
}

/** What the tools of ntfs-3g have to complain about an image that nobody has mounted; empty when all is well. */
export function complaints(image: string): string[] {
  const out: string[] = [];
  const fix = spawnSync('ntfsfix', ['-n', image], { encoding: 'utf8' });
  const fixed = `${fix.stdout}${fix.stderr}`;
  if (
    fix.status !== 0 ||
    !/NTFS partition .* was processed successfully/.test(fixed) ||
    /FAILED|[Ee]rror|corrupt/.test(fixed)
  ) {
    out.push(`ntfsfix: ${fixed}`);
  }
  const info = spawnSync('ntfsinfo', ['-mf', image], { encoding: 'utf8' });
  if (info.status !== 0 || /ERROR|corrupt/i.test(info.stderr)) out.push(`ntfsinfo: ${info.stderr}`);
  const cluster = spawnSync('ntfscluster', ['-f', '-i', image], { encoding: 'utf8', maxBuffer: 64 * MIB });
  if (cluster.status !== 0 || /ERROR|corrupt/i.test(cluster.stderr)) out.push(`ntfscluster: ${cluster.stderr}`);
  // It counts the clusters of all files and compares them with $Bitmap.
  const resize = spawnSync('ntfsresize', ['-i', '-f', '-f', image], { encoding: 'utf8' });
  const resized = `${resize.stdout}${resize.stderr}`;
  if (/Cluster accounting failed|ERROR(?!: Volume is full)|inconsisten/i.test(resized))
    out.push(`ntfsresize: ${resized}`);
  return out;
}
