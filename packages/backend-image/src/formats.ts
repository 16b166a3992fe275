import { type HostFile, UnsupportedFeatureError, type VmcraftError } from '@vmcraft/core';
import type { OpenedChain, OpenedImage } from './chain.js';

/** One image format, loaded when first needed. */
export interface FormatModule {
  /** Takes over `file` when it succeeds. */
  open(file: HostFile, chain: OpenedChain): Promise<OpenedImage>;
}

/** What is known of a format without loading it. */
export interface FormatEntry {
  readonly writable: boolean;
  readonly snapshots: boolean;
  load(): Promise<FormatModule>;
}

/** Formats opened here, by the name that qemu gives them. */
export const FORMATS: Readonly<Record<string, FormatEntry>> = {
  raw: { writable: true, snapshots: false, load: () => import('./raw/open.js') },
  qcow2: { writable: true, snapshots: true, load: () => import('./qcow2/open.js') },
  vmdk: { writable: false, snapshots: false, load: () => import('./vmdk/open.js') },
  vpc: { writable: false, snapshots: false, load: () => import('./vhd/open.js') },
  vhdx: { writable: false, snapshots: false, load: () => import('./vhdx/open.js') },
  vdi: { writable: false, snapshots: false, load: () => import('./vdi/open.js') },
};

/** Other names in use for the same formats. */
const ALIASES: Readonly<Record<string, string>> = { vhd: 'vpc' };

/** The name of a format as qemu writes it, in lower case. */
export function canonicalFormat(format: string): string {
  const lower = format.toLowerCase();
  return ALIASES[lower] ?? lower;
}

/** The error for a format that is known, or named by the caller, but not opened here. */
export function unsupportedFormat(format: string): VmcraftError {
  const workaround =
    format === 'ova'
      ? 'it is a tar archive: unpack it (tar -xf) and open the disk image inside'
      : 'backend-nbd opens what qemu-img knows';
  return new UnsupportedFeatureError({ feature: `image format '${format}'`, workaround });
}
