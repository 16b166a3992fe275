import type { BlockDevice, WarningSink } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { checkKeyLength } from '../cipher/sector-cipher.js';
import type { AntiForensic } from '../key/anti-forensic.js';
import type { Kdf } from '../key/kdf.js';
import * as L from '../layout.js';
import { badJson, type Fields } from './json-fields.js';
import { type BinaryHeader, readPair } from './luks2-binary.js';
import type { KeyDigest, KeySlot, LuksHeader, Payload } from './model.js';

/** A LUKS2 header, decoded and checked. */
export interface Luks2Header extends LuksHeader {
  readonly version: 2;
  readonly binary: BinaryHeader;
  /** Every slot that holds a key, those of no payload (unbound) included. */
  readonly allSlots: readonly KeySlot[];
  /** Area for key slots: bytes from the start of the device. */
  readonly slotArea: { readonly start: number; readonly end: number };
  /** Name of the digest that belongs to the payload. */
  readonly payloadDigest: number;
}

interface NamedDigest extends KeyDigest {
  readonly id: number;
  readonly slots: readonly string[];
  readonly segments: readonly string[];
}

/**
 * Read and check the header that counts.
 * @throws CorruptImageError, TruncatedImageError, UnsupportedFeatureError
 */
export async function readLuks2(device: BlockDevice, warn: WarningSink): Promise<Luks2Header> {
  const { header: binary, defect } = await readPair(device);
  if (defect !== undefined) warn({ source: 'luks', message: defect });
  const { metadata } = binary;
  const slotArea = readSlotArea(metadata.object('config'), binary.size);
  requireKnown(metadata);
  const [segmentId, payload] = readSegment(metadata);
  const digests = metadata.entries('digests', L.LUKS2_MAX_SLOTS).map(([id, f]) => readDigest(id, f));
  const payloadDigest = digests.find((d) => d.segments.includes(segmentId));
  if (payloadDigest === undefined) throw badJson('digests', 'has none for the segment');
  const allSlots = metadata.entries('keyslots', L.LUKS2_MAX_SLOTS).map(([id, f]) => readSlot(id, f, slotArea, digests));
  const slots = allSlots.filter((s) => s.digest === payloadDigest).sort((a, b) => b.priority - a.priority);
  return {
    version: 2,
    uuid: binary.uuid,
    label: binary.label,
    binary,
    payload,
    headerBytes: slotArea.end,
    slots,
    allSlots,
    slotArea,
    payloadDigest: payloadDigest.id,
  };
}

function readSlotArea(config: Fields, headerSize: number): { start: number; end: number } {
  const json = config.uint64('json_size');
  if (json !== headerSize - L.Luks2Binary.size) throw badJson('config.json_size', 'does not fit the header');
  const size = config.uint64('keyslots_size');
  if (size > L.LUKS2_MAX_KEYSLOTS_AREA || size % L.LUKS2_ALIGN !== 0) {
    throw badJson('config.keyslots_size', 'is too large, or no multiple of 4096');
  }
  return { start: headerSize * 2, end: headerSize * 2 + size };
}

const RESUME = 'finish it with cryptsetup reencrypt --resume-only';

/** LUKS2 §3.6: what a reader has to know to touch the container at all. */
function requireKnown(metadata: Fields): void {
  const config = metadata.object('config');
  const mandatory = config.has('requirements') ? requirements(config.object('requirements')) : [];
  for (const name of mandatory) {
    const isReencryption = /reencrypt/.test(name);
    const feature = isReencryption ? 'reencryption in progress' : `requirement '${name.slice(0, 60)}'`;
    const workaround = isReencryption ? RESUME : 'open it with cryptsetup';
    throw new UnsupportedFeatureError({ feature, structure: 'LUKS2', workaround });
  }
}

function requirements(fields: Fields): readonly string[] {
  return fields.has('mandatory') ? fields.strings('mandatory') : [];
}

function readSegment(metadata: Fields): readonly [id: string, payload: Payload] {
  const segments = metadata.entries('segments', L.LUKS2_MAX_SLOTS);
  const reencrypting = segments.some(
    ([, f]) => f.has('flags') && f.strings('flags').some((flag) => /^(in-reencryption|backup-)/.test(flag)),
  );
  if (reencrypting || segments.length > 1) {
    const feature = reencrypting ? 'reencryption in progress' : `${segments.length} segments`;
    throw new UnsupportedFeatureError({ feature, structure: 'LUKS2', workaround: RESUME });
  }
  const [id, segment] = segments[0] ?? [];
  if (id === undefined || segment === undefined) {
    throw new UnsupportedFeatureError({ feature: 'a header without a segment (keys only)', structure: 'LUKS2' });
  }
  const type = segment.string('type');
  if (type !== 'crypt')
    throw new UnsupportedFeatureError({ feature: `segment type '${type.slice(0, 40)}'`, structure: 'LUKS2' });
  if (segment.has('integrity')) {
    const feature = 'authenticated encryption (dm-integrity)';
    throw new UnsupportedFeatureError({ feature, structure: 'LUKS2', workaround: 'open it with cryptsetup' });
  }
  const sectorSize = segment.integer('sector_size', 512, 4096);
  if ((sectorSize & (sectorSize - 1)) !== 0) throw badJson('segments.sector_size', 'is not a power of two');
  const size = segment.string('size') === 'dynamic' ? undefined : segment.uint64('size');
  const offset = segment.uint64('offset');
  if (offset % 512 !== 0) throw badJson('segments.offset', 'is not a multiple of 512');
  const cipher = segment.string('encryption');
  return [String(id), { offset, size, cipher, sectorSize, ivOffset: segment.uint64('iv_tweak') }];
}

function readDigest(id: number, fields: Fields): NamedDigest {
  const type = fields.string('type');
  if (type !== 'pbkdf2') {
    throw new UnsupportedFeatureError({ feature: `digest type '${type.slice(0, 40)}'`, structure: 'LUKS2' });
  }
  return {
    id,
    slots: fields.strings('keyslots'),
    segments: fields.strings('segments'),
    hash: fields.string('hash'),
    iterations: fields.integer('iterations', 1, 0xffffffff),
    salt: fields.base64('salt', 512),
    digest: fields.base64('digest', 512),
  };
}

function readSlot(
  id: number,
  fields: Fields,
  slotArea: { start: number; end: number },
  digests: readonly NamedDigest[],
): KeySlot {
  const type = fields.string('type');
  if (type === 'reencrypt') {
    throw new UnsupportedFeatureError({ feature: 'reencryption in progress', structure: 'LUKS2', workaround: RESUME });
  }
  if (type !== 'luks2') {
    throw new UnsupportedFeatureError({ feature: `key slot type '${type.slice(0, 40)}'`, structure: 'LUKS2' });
  }
  const digest = digests.find((d) => d.slots.includes(String(id)));
  if (digest === undefined) throw badJson(`keyslots.${id}`, 'has no digest');
  const keyBytes = fields.integer('key_size', 1, L.MAX_KEY_BYTES);
  const af = readStripes(fields.object('af'));
  const area = readArea(fields.object('area'), slotArea);
  if (keyBytes * af.stripes > area.size) throw badJson(`${fields.path}.area`, 'is too small for its stripes');
  return {
    id,
    keyBytes,
    priority: fields.has('priority') ? fields.integer('priority', 0, 2) : 1,
    kdf: readKdf(fields.object('kdf')),
    af,
    area,
    digest,
  };
}

function readStripes(af: Fields): AntiForensic {
  if (af.string('type') !== 'luks1') throw badJson(af.path, 'is of no known type');
  return { hash: af.string('hash'), stripes: af.integer('stripes', L.STRIPES, L.STRIPES) };
}

function readArea(area: Fields, slotArea: { start: number; end: number }): KeySlot['area'] {
  const type = area.string('type');
  if (type !== 'raw') {
    throw new UnsupportedFeatureError({ feature: `key slot area '${type.slice(0, 40)}'`, structure: 'LUKS2' });
  }
  const offset = area.uint64('offset');
  const size = area.uint64('size');
  if (offset % L.LUKS2_ALIGN !== 0 || size % L.LUKS2_ALIGN !== 0) throw badJson(area.path, 'is no multiple of 4096');
  if (offset < slotArea.start || offset + size > slotArea.end)
    throw badJson(area.path, 'lies outside the key slots area');
  const keyBytes = area.integer('key_size', 1, L.MAX_KEY_BYTES);
  const cipher = area.string('encryption');
  checkKeyLength(cipher, keyBytes);
  return { offset, size, cipher, keyBytes };
}

function readKdf(kdf: Fields): Kdf {
  const type = kdf.string('type');
  const salt = kdf.base64('salt', 512);
  if (type === 'pbkdf2') {
    return { type, salt, hash: kdf.string('hash'), iterations: kdf.integer('iterations', 1, 0xffffffff) };
  }
  if (type !== 'argon2i' && type !== 'argon2id') {
    throw new UnsupportedFeatureError({ feature: `key derivation '${type.slice(0, 40)}'`, structure: 'LUKS2' });
  }
  const cpus = kdf.integer('cpus', 1, 64);
  const memory = kdf.integer('memory', 8 * cpus, 0xffffffff);
  // RFC 9106, section 3.1: a nonce of at least 8 bytes.
  if (salt.length < 8) throw badJson(`${kdf.path}.salt`, 'is too short');
  return { type, salt, cpus, memory, time: kdf.integer('time', 1, 0xffffffff) };
}
