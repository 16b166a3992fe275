import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A file's data as it lies in a WIM: compressed chunks behind a table of their offsets. */
export interface WimResource {
  readonly stored: Uint8Array;
  readonly size: number;
  readonly isCompressed: boolean;
}

const HEADER_LOOKUP_TABLE = 48;
const LOOKUP_ENTRY = 50;
const FLAG_METADATA = 2;
const FLAG_COMPRESSED = 4;

/** Let wimlib compress the files of a folder, and give what it stored by SHA-1 of the plain file. */
export function compressByWimlib(
  folder: string,
  target: string,
  type: 'XPRESS' | 'LZX',
  chunkSize: number,
): Map<string, WimResource> {
  const file = join(target, `${type}-${chunkSize}.wim`);
  execFileSync('wimlib-imagex', ['capture', folder, file, `--compress=${type}`, `--chunk-size=${chunkSize}`], {
    stdio: 'pipe',
  });
  const wim = readFileSync(file);
  const resources = new Map<string, WimResource>();
  const start = Number(wim.readBigUInt64LE(HEADER_LOOKUP_TABLE + 8));
  const entries = wim.subarray(start, start + wim.readUIntLE(HEADER_LOOKUP_TABLE, 6));
  for (let at = 0; at + LOOKUP_ENTRY <= entries.length; at += LOOKUP_ENTRY) {
    const flags = entries[at + 7] as number;
    if ((flags & FLAG_METADATA) !== 0) continue;
    const offset = Number(entries.readBigUInt64LE(at + 8));
    const length = entries.readUIntLE(at, 6);
    const size = Number(entries.readBigUInt64LE(at + 16));
    const stored = Uint8Array.from(wim.subarray(offset, offset + length));
    const sha1 = entries.subarray(at + 30, at + 50).toString('hex');
    resources.set(sha1, { stored, size, isCompressed: (flags & FLAG_COMPRESSED) !== 0 });
  }
  return resources;
}
