import type { BlockDevice } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { type FatGeometry, parseSerial } from './bpb.js';
import type { CodePage } from './code-page.js';
import type { DirectoryStore } from './directory.js';
import { encodeStamp, now } from './dos-time.js';
import type { LabelKeeper } from './file-system.js';
import { Attribute, ENTRY_SIZE, EntryMark, ExtendedBpb16, ExtendedBpb32, ShortEntry } from './layout.js';
import type { ClusterNode } from './node.js';

const LABEL_BYTES = 11;
const NO_NAME = 'NO NAME';
/** What dosfstools and Windows refuse in labels. */
const FORBIDDEN = /[\u0000-\u001f"*+,./:;<=>?[\\\]|]/;
/** Root entries looked at for a label. */
const MAX_LABEL_SLOTS = 65536;

/** The 11 bytes of a label. @throws FsError EINVAL */
export function encodeLabel(label: string, page: CodePage): Uint8Array {
  const text = label === '' ? NO_NAME : label;
  const bytes = page.encode(text);
  const reason =
    bytes === undefined
      ? `it has characters that code page ${page.number} lacks`
      : bytes.length > LABEL_BYTES
        ? `FAT labels have at most ${LABEL_BYTES} characters`
        : FORBIDDEN.test(text)
          ? 'FAT labels cannot have control characters or any of " * + , . / : ; < = > ? [ \\ ] |'
          : undefined;
  if (reason !== undefined) throw new FsError('EINVAL', { operation: 'set label', path: label, reason });
  const out = new Uint8Array(LABEL_BYTES).fill(0x20);
  out.set(bytes!);
  if (out[0] === EntryMark.deleted) out[0] = EntryMark.kanjiE5;
  return out;
}

/** Text of 11 label bytes; undefined for none and for the `NO NAME` of formatters. */
export function decodeLabel(bytes: Uint8Array | undefined, page: CodePage): string | undefined {
  if (bytes === undefined) return undefined;
  const raw = bytes.slice(0, LABEL_BYTES);
  if (raw[0] === EntryMark.kanjiE5) raw[0] = EntryMark.deleted;
  const text = page.decode(raw, 0, raw.length).replace(/[\s\0]+$/, '');
  return text === '' || text === NO_NAME ? undefined : text;
}

/** Slot and bytes of the root's volume label entry. */
export async function findLabelEntry(
  store: DirectoryStore,
  root: ClusterNode,
): Promise<{ slot: number; bytes: Uint8Array } | undefined> {
  const capacity = Math.min((await store.capacity(root)) / ENTRY_SIZE, MAX_LABEL_SLOTS);
  const step = 128;
  for (let first = 0; first < capacity; first += step) {
    const bytes = await store.read(root, first, Math.min(step, capacity - first));
    for (let at = 0; at < bytes.length; at += ENTRY_SIZE) {
      if (bytes[at] === EntryMark.end) return undefined;
      const attributes = bytes[at + ShortEntry.offsetOf('attributes')]!;
      if (bytes[at] === EntryMark.deleted || (attributes & Attribute.longNameMask) === Attribute.longName) continue;
      if ((attributes & (Attribute.volumeId | Attribute.directory)) !== Attribute.volumeId) continue;
      return { slot: first + at / ENTRY_SIZE, bytes: bytes.slice(at, at + ENTRY_SIZE) };
    }
  }
  return undefined;
}

/** Label and serial number of a FAT volume: in the boot sector, in its backup, and the label in the root directory too. */
export class FatLabels implements LabelKeeper {
  readonly #store: DirectoryStore;
  readonly #root: ClusterNode;
  readonly #device: BlockDevice;
  readonly #geometry: FatGeometry;
  readonly #page: CodePage;

  constructor(store: DirectoryStore, root: ClusterNode, geometry: FatGeometry, page: CodePage) {
    this.#store = store;
    this.#root = root;
    this.#device = store.volume.device;
    this.#geometry = geometry;
    this.#page = page;
  }

  async setLabel(label: string): Promise<void> {
    const bytes = encodeLabel(label, this.#page);
    await this.#setRootEntry(label === '' ? undefined : bytes);
    await this.#patchBoot('volumeLabel', bytes);
  }

  async setUuid(uuid: string): Promise<void> {
    const serial = parseSerial(uuid);
    if (serial === undefined) {
      const reason = 'a FAT serial number is eight hexadecimal digits, ABCD-1234';
      throw new FsError('EINVAL', { operation: 'set uuid', path: uuid, reason });
    }
    await this.#patchBoot('volumeId', Uint8Array.of(serial, serial >>> 8, serial >>> 16, serial >>> 24));
  }

  async #setRootEntry(label: Uint8Array | undefined): Promise<void> {
    const found = await findLabelEntry(this.#store, this.#root);
    if (label === undefined) {
      if (found !== undefined) await this.#store.write(this.#root, found.slot, Uint8Array.of(EntryMark.deleted));
      if (found !== undefined) (await this.#store.index(this.#root)).release(found.slot, 1);
      return;
    }
    const { stamp } = encodeStamp(now(), 0);
    const bytes = found?.bytes ?? new Uint8Array(ENTRY_SIZE);
    const change = { name: label, modifiedTime: stamp & 0xffff, modifiedDate: stamp >>> 16 };
    ShortEntry.encodeInto(found === undefined ? { ...change, attributes: Attribute.volumeId } : change, bytes);
    const slot = found?.slot ?? (await this.#store.reserve(this.#root, 1, 'set label'));
    await this.#store.write(this.#root, slot, bytes);
  }

  async #patchBoot(field: 'volumeLabel' | 'volumeId', bytes: Uint8Array): Promise<void> {
    const { kind, sectorSize, backupBootSector } = this.#geometry;
    const at = (kind === 'fat32' ? ExtendedBpb32 : ExtendedBpb16).offsetOf(field);
    await this.#device.write(at, bytes);
    if (backupBootSector !== 0) await this.#device.write(backupBootSector * sectorSize + at, bytes);
  }
}
