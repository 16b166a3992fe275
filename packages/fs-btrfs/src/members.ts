import { toSafeInteger } from '@vmcraft/core/binary';
import type { BlockDevice, FsOpenOptions } from '@vmcraft/core/contracts';
import { UnsupportedFeatureError } from '@vmcraft/core/errors';
import { type ChunkMap, decodeChunk } from './chunk-map.js';
import { DeviceSet } from './devices.js';
import { DevItem, Id, Type } from './layout.js';
import { hasMagic, readSuperblock, type SuperblockFacts } from './superblock.js';
import { LAST_OFFSET, type Tree } from './tree.js';

/** Devices of one file system at most. */
const MAX_DEVICES = 1024;

/** A device of a seed: the file system that this one grew from, whose devices are only read. */
export interface SeedDevice {
  readonly devid: number;
  readonly uuid: string;
  /** UUID of the seed; the nodes that it had when the other grew from it carry it. */
  readonly fsid: string;
}

/**
 * The chunk tree: where everything is, and which devices there should be.
 * @param onSeed told of devices of a seed at once: what comes later in the tree may lie on them
 * @throws CorruptImageError, MissingDeviceError
 */
export async function readChunkTree(
  tree: Tree,
  facts: SuperblockFacts,
  chunks: ChunkMap,
  devices: DeviceSet,
  onSeed: (seed: SeedDevice) => Promise<void>,
): Promise<void> {
  const range = tree.range(
    { objectid: 0, type: 0, offset: 0 },
    { objectid: Id.firstFree, type: Type.chunkItem, offset: LAST_OFFSET },
  );
  for await (const { type, offset, data } of range) {
    if (type === Type.devItem) {
      const item = DevItem.decode(data);
      const device = { devid: toSafeInteger(item.devid, 'devid'), uuid: item.uuid, fsid: item.fsid };
      if (devices.known.size >= MAX_DEVICES) throw tooMany(devices.known.size + 1);
      const isSeed = item.fsid !== facts.fsid && item.fsid !== facts.nodeUuid;
      devices.known.set(device.devid, {
        uuid: device.uuid,
        size: toSafeInteger(item.totalBytes, 'total_bytes'),
        used: toSafeInteger(item.bytesUsed, 'bytes_used'),
        isSeed,
      });
      if (isSeed) await onSeed(device);
    }
    if (type === Type.chunkItem) chunks.add(decodeChunk(offset, data).chunk);
  }
}

/** Find a device of a seed among those that the guest has: it says itself which one it is. */
export async function addSeed(devices: DeviceSet, seed: SeedDevice, options: FsOpenOptions): Promise<void> {
  if (devices.has(seed.devid)) return;
  for (const { device } of (await options.others?.()) ?? []) {
    if (!(await hasMagic(device).catch(() => false))) continue;
    const facts = await readSuperblock(device, () => undefined).catch(() => undefined);
    if (facts?.deviceUuid === seed.uuid && facts.fsid === seed.fsid) return devices.add(seed.devid, device);
  }
}

/**
 * The devices of the file system among those that the caller has. Of two with one id the newer counts; the newest superblock is that of
 * the file system.
 */
export async function gather(
  device: BlockDevice,
  own: SuperblockFacts,
  options: FsOpenOptions,
  warn: (text: string) => void,
): Promise<{ devices: DeviceSet; facts: SuperblockFacts }> {
  const devices = new DeviceSet();
  const found = [{ device, facts: own }];
  if (own.numDevices > MAX_DEVICES) throw tooMany(own.numDevices);
  const isAlone = own.numDevices === 1 && !own.isSeed;
  for (const other of isAlone ? [] : ((await options.peers?.()) ?? [])) {
    if (other === device) continue;
    const facts = await readSuperblock(other, warn).catch(() => undefined);
    if (facts?.fsid === own.fsid) found.push({ device: other, facts });
  }
  const newest = found.reduce((a, b) => (b.facts.generation > a.facts.generation ? b : a)).facts;
  const byId = new Map<number, (typeof found)[number]>();
  for (const entry of found) {
    const known = byId.get(entry.facts.devid);
    if (
      known !== undefined &&
      known.facts.generation === entry.facts.generation &&
      known.facts.deviceUuid === entry.facts.deviceUuid
    ) {
      warn(`device ${entry.facts.devid} is there twice; one of the two is used`);
    }
    if (known === undefined || entry.facts.generation > known.facts.generation) byId.set(entry.facts.devid, entry);
  }
  for (const [devid, entry] of byId) devices.add(devid, entry.device);
  return { devices, facts: newest };
}

function tooMany(count: number): UnsupportedFeatureError {
  return new UnsupportedFeatureError({ structure: 'btrfs_super_block', feature: `a file system of ${count} devices` });
}
