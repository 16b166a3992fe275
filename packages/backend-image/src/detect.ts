import type { HostFile } from '@vmcraft/core';
import { PROBE_WINDOW } from './limits.js';
import { isFooterOf } from './vhd/footer.js';

/** A format as qemu names it, told from a file's own bytes. */
interface Signature {
  readonly format: string;
  /** Offset in bytes, negative from the end of the file. */
  readonly at: number;
  readonly bytes: string | readonly number[];
}

/**
 * Signatures in the order tried. Formats that are only named, not opened, are here too: taking one of them for a raw disk would be
 * silently wrong.
 */
const SIGNATURES: readonly Signature[] = [
  { format: 'qcow2', at: 0, bytes: [0x51, 0x46, 0x49, 0xfb] },
  { format: 'vmdk', at: 0, bytes: 'KDMV' },
  { format: 'vmdk', at: 0, bytes: 'COWD' },
  { format: 'vmdk', at: 0, bytes: [0xbe, 0xba, 0xfe, 0xca, 0, 0, 0, 0] },
  { format: 'vhdx', at: 0, bytes: 'vhdxfile' },
  { format: 'vpc', at: 0, bytes: 'conectix' },
  { format: 'vdi', at: 64, bytes: [0x7f, 0x10, 0xda, 0xbe] },
  { format: 'parallels', at: 0, bytes: 'WithoutFreeSpace' },
  { format: 'parallels', at: 0, bytes: 'WithouFreSpacExt' },
  { format: 'qed', at: 0, bytes: [0x51, 0x45, 0x44, 0] },
  { format: 'bochs', at: 0, bytes: 'Bochs Virtual HD Image' },
  { format: 'cloop', at: 0, bytes: '#!/bin/sh\n#V2.0 Format' },
  { format: 'dmg', at: -512, bytes: 'koly' },
];

/** Bytes read from the end of a file to tell its format. */
export const TAIL = 512;

/**
 * The format of a file: `raw` when nothing else matches. A file smaller than a sector is raw as well.
 * Reads a bounded window at both ends.
 */
export async function detectFormat(file: HostFile): Promise<string> {
  const head = await file.read(0, Math.min(PROBE_WINDOW, file.size));
  const tail = file.size >= TAIL ? await file.read(file.size - TAIL, TAIL) : new Uint8Array(0);
  return formatOf(head, tail, file.size);
}

/**
 * As `detectFormat`, from the bytes themselves.
 * @param head the first `PROBE_WINDOW` bytes of a file of `size` bytes, or all
 * @param tail its last `TAIL` bytes, or none where it is shorter
 */
export function formatOf(head: Uint8Array, tail: Uint8Array, size: number): string {
  for (const s of SIGNATURES) {
    if (s.at >= 0 ? matches(head, s.at, s.bytes) : matches(tail, tail.length + s.at, s.bytes)) {
      return s.format === 'qcow2' && head[7] === 1 ? 'qcow' : s.format;
    }
  }
  if (isFooterOf(tail, size)) return 'vpc';
  if (isDescriptor(head)) return 'vmdk';
  if (matches(head, 257, 'ustar') && /\.ovf$/i.test(tarName(head))) return 'ova';
  return 'raw';
}

function matches(data: Uint8Array, at: number, bytes: string | readonly number[]): boolean {
  if (at < 0 || at + bytes.length > data.length) return false;
  for (let i = 0; i < bytes.length; i++) {
    const wanted = typeof bytes === 'string' ? bytes.charCodeAt(i) : bytes[i];
    if (data[at + i] !== wanted) return false;
  }
  return true;
}

/** A text file whose first line, comments and blank ones aside, begins a VMDK descriptor. */
function isDescriptor(head: Uint8Array): boolean {
  const text = new TextDecoder('latin1').decode(head);
  if (/^# Disk DescriptorFile/i.test(text)) return true;
  const line = text.split(/\r?\n/).find((l) => l.trim() !== '' && !l.startsWith('#'));
  return line !== undefined && text.startsWith('#') && /^\s*version\s*=\s*[1-3]\s*$/i.test(line);
}

/** Name of the first member of a tar archive. */
function tarName(head: Uint8Array): string {
  const end = head.indexOf(0);
  return new TextDecoder('latin1').decode(head.subarray(0, Math.min(end < 0 ? 100 : end, 100)));
}
