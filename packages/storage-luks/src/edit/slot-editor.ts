import { alignUp } from '@vmcraft/core/binary';
import type { BlockDevice } from '@vmcraft/core/contracts';
import { UsageError } from '@vmcraft/core/errors';
import { Fields, type JsonObject } from '../header/json-fields.js';
import { cipherOf, type Luks1Header, stripeBytes } from '../header/luks1.js';
import type { Luks2Header } from '../header/luks2.js';
import type { KeySlot } from '../header/model.js';
import type { AnyHeader } from '../header/read-header.js';
import type { Kdf } from '../key/kdf.js';
import type { SlotPlace } from '../key/slot-area.js';
import * as L from '../layout.js';
import { slotJson, writeMetadata } from './luks2-write.js';

type Random = (length: number) => Uint8Array;

/** Changes the table of slots of one header; what the slots hold is written before or after it. */
export interface SlotEditor {
  /** The first slot that is free; or `wanted`, which has to be. @throws UsageError */
  freeSlot(wanted: number): number;
  /** Where the key of a free slot would go. @throws UsageError when there is no room */
  placeFor(id: number, kdf: Kdf): SlotPlace;
  /** Write the header with a slot filled (anew). */
  fill(id: number, place: SlotPlace, random: Random): Promise<void>;
  /** Write the header with a slot emptied. */
  empty(id: number, random: Random): Promise<void>;
}

/** The editor for a header that lies on `device`. */
export function slotEditor(device: BlockDevice, header: AnyHeader): SlotEditor {
  return header.version === 1 ? new Luks1Editor(device, header) : new Luks2Editor(device, header);
}

function chooseFree(used: readonly number[], count: number, wanted: number): number {
  if (wanted >= count || wanted < -1) throw new UsageError(`there is no key slot ${wanted}: there are ${count}`);
  if (used.includes(wanted)) throw new UsageError(`key slot ${wanted} is in use`);
  if (wanted >= 0) return wanted;
  for (let id = 0; id < count; id++) if (!used.includes(id)) return id;
  throw new UsageError(`all ${count} key slots are in use`);
}

class Luks1Editor implements SlotEditor {
  constructor(
    private readonly device: BlockDevice,
    private readonly header: Luks1Header,
  ) {}

  freeSlot(wanted: number): number {
    return chooseFree(
      this.header.slots.map((s) => s.id),
      L.LUKS1_SLOTS,
      wanted,
    );
  }

  placeFor(id: number, kdf: Kdf): SlotPlace {
    const { phdr, payload } = this.header;
    const { keyBytes, hashSpec: hash } = phdr;
    const offset = phdr.slots[id]!.keyMaterialOffset * L.SECTOR;
    const size = stripeBytes(keyBytes, L.STRIPES);
    const isInside = offset >= L.Luks1Phdr.size && (payload.offset === 0 || offset + size <= payload.offset);
    const isFree = this.header.slots.every(
      ({ area }) => offset + size <= area.offset || offset >= area.offset + area.size,
    );
    if (!isInside || !isFree) throw new UsageError(`key slot ${id} has no room for a key`);
    return {
      keyBytes,
      kdf,
      af: { hash, stripes: L.STRIPES },
      area: { offset, size, cipher: cipherOf(phdr), keyBytes },
    };
  }

  async fill(id: number, { kdf, area }: SlotPlace): Promise<void> {
    if (kdf.type !== 'pbkdf2') throw new UsageError('LUKS1 has PBKDF2 only', { argument: 'pbkdf' });
    const { iterations, salt } = kdf;
    const keyMaterialOffset = area.offset / L.SECTOR;
    await this.#write(id, { active: L.SlotState.active, iterations, salt, keyMaterialOffset, stripes: L.STRIPES });
  }

  async empty(id: number): Promise<void> {
    const slot = this.header.phdr.slots[id]!;
    await this.#write(id, { ...slot, active: L.SlotState.dead, iterations: 0, salt: new Uint8Array(32) });
  }

  async #write(id: number, slot: Luks1Header['phdr']['slots'][number]): Promise<void> {
    const slots = this.header.phdr.slots.with(id, slot);
    const raw = (await this.device.read(0, L.Luks1Phdr.size)).slice();
    L.Luks1Phdr.encodeInto({ slots }, raw);
    await this.device.write(0, raw);
    await this.device.flush();
  }
}

class Luks2Editor implements SlotEditor {
  constructor(
    private readonly device: BlockDevice,
    private readonly header: Luks2Header,
  ) {}

  freeSlot(wanted: number): number {
    return chooseFree(
      this.header.allSlots.map((s) => s.id),
      L.LUKS2_MAX_SLOTS,
      wanted,
    );
  }

  placeFor(_id: number, kdf: Kdf): SlotPlace {
    const model = this.header.slots[0];
    if (model === undefined) throw new UsageError('no key slot is left to take the pattern of');
    const size = alignUp(model.keyBytes * L.STRIPES, L.LUKS2_ALIGN);
    return { keyBytes: model.keyBytes, kdf, af: model.af, area: { ...model.area, offset: this.#gap(size), size } };
  }

  async fill(id: number, place: SlotPlace, random: Random): Promise<void> {
    await this.#edit(random, (metadata) => {
      const keyslots = metadata.object('keyslots').raw;
      const before = Object.hasOwn(keyslots, String(id)) ? (keyslots[id] as JsonObject) : {};
      keyslots[id] = { ...before, ...slotJson(place) };
      setMember(metadata.object('digests').object(String(this.header.payloadDigest)), String(id), true);
    });
  }

  async empty(id: number, random: Random): Promise<void> {
    await this.#edit(random, (metadata) => {
      delete metadata.object('keyslots').raw[id];
      for (const list of ['digests', 'tokens']) {
        if (!metadata.has(list)) continue;
        for (const [, entry] of metadata.entries(list, 1000)) setMember(entry, String(id), false);
      }
    });
  }

  async #edit(random: Random, change: (metadata: Fields) => void): Promise<void> {
    const { binary } = this.header;
    const copy = new Fields(structuredClone(binary.metadata.raw), '');
    change(copy);
    await writeMetadata(this.device, { ...binary, metadata: copy }, random);
  }

  /** The first room in the area for key slots. */
  #gap(size: number): number {
    const { slotArea, allSlots } = this.header;
    const areas = allSlots.map((s: KeySlot) => s.area).sort((a, b) => a.offset - b.offset);
    let at = slotArea.start;
    for (const area of areas) {
      if (area.offset - at >= size) return at;
      at = Math.max(at, area.offset + area.size);
    }
    if (slotArea.end - at >= size) return at;
    throw new UsageError('the area for key slots is full');
  }
}

/** Put a slot into the list of a digest or token, or take it out. */
function setMember(entry: Fields, slot: string, member: boolean): void {
  if (!entry.has('keyslots')) return;
  const others = entry.strings('keyslots').filter((name) => name !== slot);
  entry.raw.keyslots = member ? [...others, slot] : others;
}
