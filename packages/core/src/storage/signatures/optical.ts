import { decodeUtf8 } from '../../binary/index.js';
import { details, label, labelUtf16be, slice } from './fields.js';
import { type ProbeWindow, type SignatureDetails, type SignatureSpec, text } from './signature.js';

/** ECMA-119, section 6.2.1: the volume descriptors begin at logical sector 16. */
const DESCRIPTORS_AT = 0x8000;
const DESCRIPTOR_SIZE = 2048;
/** Descriptors looked at. */
const MAX_DESCRIPTORS = 16;
/** ECMA-119, section 8.1: volume descriptor types. */
const DESCRIPTOR = { primary: 1, supplementary: 2, terminator: 255 } as const;
/** Escape sequences of UCS-2 levels 1 to 3 (Joliet specification, section 5). */
const JOLIET = ['%/@', '%/C', '%/E'];

/** ECMA-119, section 8.4.26: 16 digits and a time zone; blkid shows the digits with dashes. */
function dateUuid(view: DataView, at: number): string | undefined {
  const digits = decodeUtf8(slice(view, at, 16));
  if (!/^\d{16}$/.test(digits) || /^0+$/.test(digits)) return undefined;
  return digits.replace(/^(....)(..)(..)(..)(..)(..)(..)$/, '$1-$2-$3-$4-$5-$6-$7');
}

/** Joliet keeps 16 characters in their case; the primary descriptor has 32. Where they agree, use all there is. */
function mergeLabels(primary: string | undefined, joliet: string | undefined): string | undefined {
  if (primary === undefined || joliet === undefined) return joliet ?? primary;
  const agree = primary.toLowerCase().startsWith(joliet.toLowerCase()) && primary.length > joliet.length;
  return agree ? joliet + primary.slice(joliet.length) : joliet;
}

async function jolietLabel(w: ProbeWindow, first: number): Promise<{ label?: string | undefined } | undefined> {
  for (let i = 0; i < MAX_DESCRIPTORS; i++) {
    const view = await w.view(first + i * DESCRIPTOR_SIZE, DESCRIPTOR_SIZE);
    if (view === undefined || view.getUint8(0) === DESCRIPTOR.terminator) return undefined;
    if (view.getUint8(0) !== DESCRIPTOR.supplementary) continue;
    if (JOLIET.includes(decodeUtf8(slice(view, 88, 3)))) return { label: labelUtf16be(slice(view, 40, 32)) };
  }
  return undefined;
}

const ISO9660: SignatureSpec = {
  type: 'iso9660',
  usage: 'filesystem',
  tolerant: true,
  magics: [text(DESCRIPTORS_AT + 1, 'CD001', -1), text(DESCRIPTORS_AT + 9, 'CDROM', -9)],
  read: async (w, { base, index }): Promise<SignatureDetails | undefined> => {
    const view = await w.view(base, DESCRIPTOR_SIZE);
    if (view === undefined) return undefined;
    if (index === 1) return details({ label: label(view, 48, 32), version: 'High Sierra' });
    const joliet = await jolietLabel(w, base + DESCRIPTOR_SIZE);
    const primary = view.getUint8(0) === DESCRIPTOR.primary ? label(view, 40, 32) : undefined;
    return details({
      label: mergeLabels(primary, joliet?.label),
      uuid: dateUuid(view, 830) ?? dateUuid(view, 813),
      version: joliet === undefined ? undefined : 'Joliet Extension',
      // ECMA-119, section 8.4.12.
      blockSize: view.getUint16(128, true),
    });
  },
};

/** OSTA UDF 2.60, section 2.1.3: text begins with the number of bits a character has, and ends with its length. */
function dstring(view: DataView, at: number, length: number): string | undefined {
  const used = Math.min(view.getUint8(at + length - 1), length - 1);
  if (used < 2) return undefined;
  const raw = slice(view, at + 1, used - 1);
  const bits = view.getUint8(at);
  if (bits === 16) return labelUtf16be(raw);
  return bits === 8 ? String.fromCharCode(...raw).split('\0')[0] : undefined;
}

/** ECMA-167, section 3/7.2.1: tag identifiers. */
const TAG = { primary: 1, anchor: 2, pointer: 3, logicalVolume: 6, terminator: 8, integrity: 9 } as const;
/** Sector 256 holds the anchor; sizes tried. */
const UDF_SECTORS = [512, 1024, 2048, 4096] as const;
const ANCHOR_SECTOR = 256;
const MAX_UDF_DESCRIPTORS = 64;

/** The facts blkid shows, from the volume descriptor sequence. */
interface UdfFacts {
  label?: string | undefined;
  setId?: string | undefined;
  revision?: number | undefined;
}

async function readSequence(w: ProbeWindow, sector: number, at: number, length: number): Promise<UdfFacts> {
  const facts: UdfFacts = {};
  const count = Math.min(Math.floor(length / sector), MAX_UDF_DESCRIPTORS);
  for (let i = 0; i < count; i++) {
    const view = await w.view(at + i * sector, 512);
    const tag = view?.getUint16(0, true);
    if (view === undefined || tag === TAG.terminator) break;
    if (tag === TAG.primary) facts.setId = dstring(view, 72, 128);
    if (tag === TAG.logicalVolume) {
      facts.label = dstring(view, 84, 128);
      facts.revision = view.getUint16(240, true);
    }
  }
  return facts;
}

async function readUdfVolume(w: ProbeWindow): Promise<UdfFacts | undefined> {
  for (const sector of UDF_SECTORS) {
    const anchor = await w.view(ANCHOR_SECTOR * sector, 512);
    const isAnchor = anchor?.getUint16(0, true) === TAG.anchor && anchor.getUint32(12, true) === ANCHOR_SECTOR;
    if (anchor === undefined || !isAnchor) continue;
    return readSequence(w, sector, anchor.getUint32(20, true) * sector, anchor.getUint32(16, true));
  }
  return undefined;
}

/** The UUID udftools and blkid make from the volume set identifier: its leading hexadecimal digits, the rest as bytes. */
function udfUuid(setId: string): string | undefined {
  const raw = new TextEncoder().encode(setId).subarray(0, 16);
  if (raw.length < 8) return undefined;
  const hex = (data: Uint8Array): string => Array.from(data, (b) => b.toString(16).padStart(2, '0')).join('');
  const digits = /^[0-9a-f]*/i.exec(setId)![0].length;
  if (digits < 8) return hex(raw.subarray(0, 8));
  const first = setId.slice(0, 8).toLowerCase();
  return digits < 16 ? first + hex(raw.subarray(8, 12)) : setId.slice(0, 16).toLowerCase();
}

/** Recognition sequence (ECMA-167, section 2/9): BEA01 and then NSR02 or NSR03, in sectors of 2048 bytes or the device's. */
async function hasNsr(w: ProbeWindow, at: number): Promise<boolean> {
  for (const step of [2048, 4096]) {
    for (let i = 0; i < MAX_DESCRIPTORS; i++) {
      const data = await w.bytes(at + i * step + 1, 5);
      const id = data === undefined ? '' : decodeUtf8(data);
      if (id === 'NSR02' || id === 'NSR03') return true;
      if (!/^(BEA01|TEA01|CD001|BOOT2|CDW02)$/.test(id)) break;
    }
  }
  return false;
}

const UDF: SignatureSpec = {
  type: 'udf',
  usage: 'filesystem',
  tolerant: true,
  magics: ['BEA01', 'CD001', 'NSR02', 'NSR03'].map((id) => text(DESCRIPTORS_AT + 1, id, -1)),
  read: async (w, { base }): Promise<SignatureDetails | undefined> => {
    if (!(await hasNsr(w, base))) return undefined;
    const facts = await readUdfVolume(w);
    if (facts === undefined) return undefined;
    const { revision } = facts;
    return details({
      label: facts.label,
      uuid: facts.setId === undefined ? undefined : udfUuid(facts.setId),
      version: revision ? `${revision >> 8}.${(revision & 0xff).toString(16).padStart(2, '0')}` : undefined,
    });
  },
};

/** Optical formats. Discs may carry both, and UDF is the newer view. */
export const OPTICAL: readonly SignatureSpec[] = [UDF, ISO9660];
