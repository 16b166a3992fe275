import { createCipheriv, createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { guid } from '@vmcraft/core/binary';
import { stretchKey } from '../src/key/stretch.js';
import { encryptSectors, keyBytesOf } from './encrypt-sectors.js';

/** A way in, to be made. */
export type ProtectorRecipe =
  | { readonly kind: 'password' | 'recovery'; readonly secret: string }
  | { readonly kind: 'clear' }
  | { readonly kind: 'tpm' }
  | { readonly kind: 'bek'; readonly id: string };

/** What to make. */
export interface VolumeRecipe {
  /** What the volume shows; what lies where the metadata goes is lost. */
  readonly plain: Uint8Array;
  readonly method: number;
  readonly sectorSize?: 512 | 4096;
  readonly layout?: 'vista' | 'seven' | 'togo';
  readonly protectors?: readonly ProtectorRecipe[];
  /** Bytes encrypted; all unless given. */
  readonly encryptedSize?: number;
  readonly state?: number;
  /** Of the validation: from 2 on with a sealed digest. */
  readonly validation?: 1 | 2;
  /** Where the metadata and the moved sectors go; {@link PLACES} unless given. */
  readonly places?: Places;
}

/** Bytes from the start of the volume. */
export interface Places {
  readonly metadata: readonly number[];
  readonly header: number;
  readonly headerSize: number;
}

export const VOLUME_ID = '01234567-89ab-4def-8123-456789abcdef';
export const VMK = createHash('sha256').update('volume master key').digest();
const FVEK = createHash('sha512').update('keys of the sectors').digest();
const EXTERNAL = createHash('sha256').update('external key').digest();
const CLEAR = createHash('sha256').update('clear key').digest();
const SALT = Buffer.from('0123456789abcdef');
/** Where the metadata and the moved sectors go in small volumes. */
export const PLACES = { metadata: [0x40000, 0x80000, 0xc0000], header: 0x60000, headerSize: 8192 } as const;
const METADATA_BYTES = { vista: 16384, seven: 65536, togo: 65536 } as const;
const PROTECTION = { clear: 0, tpm: 0x100, bek: 0x200, recovery: 0x800, password: 0x2000 } as const;

const u = (size: 2 | 4 | 8, value: number): Buffer => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out.subarray(0, size);
};
const guidBytes = (text: string): Uint8Array => {
  const out = new Uint8Array(16);
  guid.write(new DataView(out.buffer), 0, text);
  return out;
};
const entry = (type: number, value: number, ...data: Uint8Array[]): Buffer => {
  const body = Buffer.concat(data);
  return Buffer.concat([u(2, body.length + 8), u(2, type), u(2, value), u(2, 1), body]);
};

let counter = 0;
/** An entry that holds `key` encrypted with AES-CCM, of OpenSSL. */
function wrapped(type: number, key: Uint8Array, method: number, wrapper: Uint8Array): Buffer {
  counter += 1;
  const nonce = Buffer.concat([u(8, 132_000_000_000_000_000), u(4, counter)]);
  const cipher = createCipheriv('aes-256-ccm', wrapper, nonce, { authTagLength: 16 });
  const data = cipher.update(entry(0, 1, u(4, method), key));
  cipher.final();
  return entry(type, 5, nonce, cipher.getAuthTag(), data);
}

const sha256 = (data: Uint8Array): Buffer => createHash('sha256').update(data).digest();

const recoveryHash = (key: string): Buffer =>
  sha256(Buffer.concat(key.split('-').map((group) => u(2, Number(group) / 11))));

async function protectorEntry(recipe: ProtectorRecipe, index: number): Promise<Buffer> {
  const id = recipe.kind === 'bek' ? recipe.id : VOLUME_ID.replace(/^0/, String(index + 1));
  const head = [guidBytes(id), u(8, 132_000_000_000_000_000), u(2, 0), u(2, PROTECTION[recipe.kind])];
  const open = (key: Uint8Array): Buffer => wrapped(0, VMK, 0x2003, key);
  if (recipe.kind === 'tpm') return entry(2, 8, ...head, entry(0, 6, Buffer.alloc(200, 7)));
  if (recipe.kind === 'clear') return entry(2, 8, ...head, entry(0, 1, u(4, 0x2002), CLEAR), open(CLEAR));
  if (recipe.kind === 'bek') return entry(2, 8, ...head, entry(0, 4, u(4, 0x2002)), open(EXTERNAL));
  const initial =
    recipe.kind === 'password' ? sha256(sha256(Buffer.from(recipe.secret, 'utf16le'))) : recoveryHash(recipe.secret);
  const method = recipe.kind === 'password' ? 0x1001 : 0x1000;
  const key = await stretchKey(initial, SALT);
  return entry(2, 8, ...head, entry(0, 3, u(4, method), SALT, wrapped(0, key, 0x2002, VMK)), open(key));
}

/** A startup key file for the protector `id`. */
export function makeBek(id: string): Uint8Array {
  const label = entry(0, 2, Buffer.from('ExternalKey\0', 'utf16le'));
  const key = entry(0, 1, u(4, 0x2002), EXTERNAL);
  const external = entry(6, 9, guidBytes(id), u(8, 132_000_000_000_000_000), label, key);
  const size = u(4, 48 + external.length);
  return Buffer.concat([size, u(4, 1), u(4, 48), size, guidBytes(id), u(4, 1), u(4, 0), u(8, 0), external]);
}

function volumeHeader(r: VolumeRecipe, sectorSize: number): Buffer {
  const out = Buffer.alloc(512);
  const layout = r.layout ?? 'seven';
  const { metadata } = r.places ?? PLACES;
  if (layout === 'vista') out.set(r.plain.subarray(0, 512));
  else out.set([0xeb, 0x58, 0x90]);
  out.write(layout === 'togo' ? 'MSWIN4.1' : '-FVE-FS-', 3, 'latin1');
  out.writeUInt16LE(sectorSize, 11);
  out[13] = 8;
  out.set([0x55, 0xaa], 510);
  if (layout === 'vista') {
    out.writeBigUInt64LE(BigInt(metadata[0]! / (8 * sectorSize)), 56);
    return out;
  }
  const at = layout === 'togo' ? 424 : 160;
  out.set(guidBytes('4967d63b-2e29-4ad8-8399-f6a339e3d001'), at);
  for (const [i, offset] of metadata.entries()) out.writeBigUInt64LE(BigInt(offset), at + 16 + i * 8);
  return out;
}

async function metadataBlock(r: VolumeRecipe): Promise<Buffer> {
  const vista = r.layout === 'vista';
  const { metadata, header, headerSize } = r.places ?? PLACES;
  const key = r.method < 0x8002 ? FVEK : FVEK.subarray(0, r.method === 0x8005 ? 64 : keyBytesOf(r.method));
  const entries = [entry(7, 2, Buffer.from('HOST Volume 1/1/2020\0', 'utf16le'))];
  for (const [i, p] of (r.protectors ?? [{ kind: 'clear' } as const]).entries()) {
    entries.push(await protectorEntry(p, i));
  }
  entries.push(wrapped(3, key, r.method, VMK));
  if (!vista) entries.push(entry(0xf, 0xf, u(8, header), u(8, headerSize)));
  const size = entries.reduce((sum, e) => sum + e.length, 48);
  const id = guidBytes(VOLUME_ID);
  const dataset = Buffer.concat([u(4, size), u(4, 1), u(4, 48), u(4, size), id, u(4, 99), u(4, r.method), u(8, 0)]);
  const total = Math.ceil((64 + size) / 16) * 16;
  const block = Buffer.alloc(total);
  block.write('-FVE-FS-', 0, 'latin1');
  block.writeUInt16LE(vista ? total : total / 16, 8);
  block.writeUInt16LE(vista ? 1 : 2, 10);
  block.writeUInt16LE(r.state ?? 4, 12);
  block.writeUInt16LE(4, 14);
  // Windows Vista has zeros here; dislocker 0.7.3 wants the size of the volume all the same.
  block.writeBigUInt64LE(BigInt(r.encryptedSize ?? r.plain.length), 16);
  if (!vista) {
    block.writeUInt32LE(headerSize / (r.sectorSize ?? 512), 28);
  }
  for (const [i, at] of metadata.entries()) block.writeBigUInt64LE(BigInt(at), 32 + i * 8);
  const mirror = Buffer.from(r.plain).readBigUInt64LE(56);
  block.writeBigUInt64LE(vista ? mirror : BigInt(header), 56);
  block.set(Buffer.concat([dataset, ...entries]), 64);
  const seal = r.validation === 1 ? Buffer.alloc(0) : wrapped(0, sha256(block), 0x2005, VMK);
  const check = [u(2, 8 + seal.length), u(2, r.validation ?? 2), u(4, crc32(block))];
  return Buffer.concat([block, ...check, seal]);
}

/** Bytes of a volume, and what it shows. */
export async function makeVolume(recipe: VolumeRecipe): Promise<{ image: Uint8Array; shown: Uint8Array }> {
  const { plain, method, sectorSize = 512, layout = 'seven' } = recipe;
  const scheme = { method, sectorSize, key: FVEK };
  const { metadata, header, headerSize } = recipe.places ?? PLACES;
  const shown = plain.slice();
  const hide = (at: number, size: number): unknown => shown.fill(0, at, at + size);
  for (const at of metadata) hide(at, METADATA_BYTES[layout]);
  if (layout !== 'vista') hide(header, headerSize);
  const image = shown.slice();
  const end = recipe.encryptedSize ?? plain.length;
  image.set(encryptSectors(shown.subarray(0, end), 0, scheme));
  if (layout === 'vista') {
    image.set(shown.subarray(0, 16 * sectorSize));
  } else {
    const moved = shown.subarray(0, headerSize);
    image.set(header < end ? encryptSectors(moved, header, scheme) : moved, header);
    image.fill(0, 0, headerSize);
  }
  image.set(volumeHeader(recipe, sectorSize));
  const block = await metadataBlock(recipe);
  for (const at of metadata) {
    image.fill(0, at, at + METADATA_BYTES[layout]);
    image.set(block, at);
  }
  return { image, shown };
}

/** Contents with the boot sector of NTFS, as far as BitLocker looks at it. */
export function plainVolume(size: number, sectorSize: 512 | 4096 = 512): Uint8Array {
  const out = Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >>> 9) * 13 + (i >>> 17)) & 0xff);
  const boot = Buffer.from(out.buffer, 0, 512);
  boot.fill(0, 0, 84);
  boot.write('\xebR\x90NTFS    ', 0, 'latin1');
  boot.writeUInt16LE(sectorSize, 11);
  boot[13] = 8;
  boot.writeBigUInt64LE(BigInt(size / sectorSize), 40);
  boot.writeBigUInt64LE(4n, 48);
  boot.writeBigUInt64LE(2n, 56);
  boot.set([0x55, 0xaa], 510);
  return out;
}
