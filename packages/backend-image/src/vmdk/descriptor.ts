import { CorruptImageError, LimitExceededError } from '@vmcraft/core';
import { MAX_EXTENTS, NO_PARENT } from './layout.js';

/** One line of the extent description. */
export interface ExtentLine {
  readonly access: string;
  /** Sectors. */
  readonly sectors: number;
  /** SPARSE, FLAT, ZERO, VMFS, VMFSSPARSE, SESPARSE … */
  readonly type: string;
  readonly file?: string;
  /** Where a flat extent begins in its file, sectors. */
  readonly offset: number;
}

/** A parsed descriptor. */
export interface Descriptor {
  readonly createType: string;
  readonly cid: number;
  readonly parentCid: number;
  readonly parentHint?: string;
  readonly extents: readonly ExtentLine[];
}

const EXTENT = /^(RW|RDONLY|NOACCESS)\s+(\d{1,15})\s+([A-Z0-9]+)(?:\s+"([^"\0]*)"(?:\s+(\d{1,15}))?)?/i;

/**
 * Parse a descriptor. "The Descriptor File".
 * @throws CorruptImageError, LimitExceededError
 */
export function parseDescriptor(text: string): Descriptor {
  const values = new Map<string, string>();
  const extents: ExtentLine[] = [];
  for (const raw of text.split(/\r\n|\r|\n/)) {
    const line = raw.trim();
    if (line === '' || line.startsWith('#')) continue;
    const extent = EXTENT.exec(line);
    if (extent !== null) {
      extents.push(extentLine(extent));
      if (extents.length > MAX_EXTENTS) {
        throw new LimitExceededError({ limit: 'extents of a VMDK', value: extents.length, max: MAX_EXTENTS });
      }
      continue;
    }
    const equals = line.indexOf('=');
    if (equals > 0) values.set(line.slice(0, equals).trim().toLowerCase(), unquote(line.slice(equals + 1).trim()));
  }
  const parentHint = values.get('parentfilenamehint');
  return {
    createType: values.get('createtype') ?? '',
    cid: hexValue(values.get('cid'), 'CID'),
    parentCid: values.has('parentcid') ? hexValue(values.get('parentcid'), 'parentCID') : NO_PARENT,
    ...(parentHint === undefined ? {} : { parentHint }),
    extents,
  };
}

function extentLine(match: RegExpExecArray): ExtentLine {
  const [, access, sectors, type, file, offset] = match as unknown as string[];
  const line = {
    access: (access as string).toUpperCase(),
    sectors: Number(sectors),
    type: (type as string).toUpperCase(),
    offset: Number(offset ?? 0),
  };
  return file === undefined ? line : { ...line, file };
}

function unquote(text: string): string {
  return /^".*"$/.test(text) ? text.slice(1, -1) : text;
}

function hexValue(text: string | undefined, field: string): number {
  if (text === undefined) return 0;
  if (!/^(0x)?[0-9a-f]{1,8}$/i.test(text)) {
    throw new CorruptImageError({ structure: 'vmdk descriptor', field, expected: '8 hexadecimal digits', found: text });
  }
  return Number.parseInt(text, 16);
}
