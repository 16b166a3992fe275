import { parseUuid } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { FsError } from '@vmcraft/core/errors';
import { parseSerial } from './bpb.js';
import type { DirectoryStore } from './directory.js';
import { type ExfatGeometry, sealBootRegion } from './exfat-boot.js';
import { setChecksum } from './exfat-entries.js';
import { readRootRecords } from './exfat-volume.js';
import type { LabelKeeper } from './file-system.js';
import { ENTRY_SIZE } from './layout.js';
import {
  BOOT_REGION_SECTORS,
  EntryType,
  ExfatBootSector,
  GuidEntry,
  LabelEntry,
  MAX_LABEL_UNITS,
} from './layout-exfat.js';
import type { ClusterNode } from './node.js';

const FORBIDDEN = /[\u0000-\u001f"*/:<>?\\|]/;

/** The volume label entry. @throws FsError EINVAL */
export function encodeLabelEntry(label: string): Uint8Array {
  const reason =
    label.length > MAX_LABEL_UNITS
      ? `exFAT labels have at most ${MAX_LABEL_UNITS} characters`
      : FORBIDDEN.test(label)
        ? 'exFAT labels cannot have control characters or any of " * / : < > ? \\ |'
        : undefined;
  if (reason !== undefined) throw new FsError('EINVAL', { operation: 'set label', path: label, reason });
  return LabelEntry.encode({
    // An entry that is not in use is how formatters write "no label".
    type: label === '' ? EntryType.label & 0x7f : EntryType.label,
    characterCount: label.length,
    label: Array.from({ length: MAX_LABEL_UNITS }, (_, i) => (i < label.length ? label.charCodeAt(i) : 0)),
  });
}

/** Label, GUID and serial number of an exFAT volume. */
export class ExfatLabels implements LabelKeeper {
  readonly #store: DirectoryStore;
  readonly #root: ClusterNode;
  readonly #device: BlockDevice;
  readonly #geometry: ExfatGeometry;

  constructor(store: DirectoryStore, root: ClusterNode, geometry: ExfatGeometry) {
    this.#store = store;
    this.#root = root;
    this.#device = store.volume.device;
    this.#geometry = geometry;
  }

  async setLabel(label: string): Promise<void> {
    const entry = encodeLabelEntry(label);
    const { label: found } = await readRootRecords(this.#store.volume, this.#geometry);
    if (found === undefined && label === '') return;
    const slot = found?.slot ?? (await this.#store.reserve(this.#root, 1, 'set label'));
    await this.#store.write(this.#root, slot, entry);
    // An unused label entry is room for others.
    if (label === '') (await this.#store.index(this.#root)).release(slot, 1);
  }

  /** `ABCD-1234` is the serial number; a whole UUID goes into the volume GUID entry. */
  async setUuid(uuid: string): Promise<void> {
    const serial = parseSerial(uuid);
    if (serial !== undefined) return this.#setSerial(serial);
    if (parseUuid(uuid) === undefined) {
      const reason = 'give a serial number (ABCD-1234) or a GUID';
      throw new FsError('EINVAL', { operation: 'set uuid', path: uuid, reason });
    }
    const { guid: found } = await readRootRecords(this.#store.volume, this.#geometry);
    const entry = found?.bytes ?? new Uint8Array(ENTRY_SIZE);
    GuidEntry.encodeInto({ type: EntryType.guid, guid: uuid.toLowerCase() }, entry);
    GuidEntry.encodeInto({ setChecksum: setChecksum(entry) }, entry);
    const slot = found?.slot ?? (await this.#store.reserve(this.#root, 1, 'set uuid'));
    await this.#store.write(this.#root, slot, entry);
  }

  async #setSerial(serial: number): Promise<void> {
    const { sectorSize } = this.#geometry;
    const length = BOOT_REGION_SECTORS * sectorSize;
    // The backup first: if the second write is lost, the volume still opens with the main region.
    for (const start of [length, 0]) {
      const region = (await this.#device.read(start, length)).slice();
      ExfatBootSector.encodeInto({ serialNumber: serial }, region);
      sealBootRegion(region, sectorSize);
      await this.#device.write(start, region);
    }
  }
}
