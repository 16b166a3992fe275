import { decodeFileName, toSafeInteger } from '@vmcraft/core/binary';
import type { SubvolumeFacts } from '@vmcraft/core/contracts';
import { CorruptImageError } from '@vmcraft/core/errors';
import { Id, InodeRef, ROOT_READONLY, RootItem, RootItemUuid, RootRef, Type } from './layout.js';
import { LAST_OFFSET } from './tree.js';
import type { Volume } from './volume.js';

/** Subvolumes within each other, and directories above one, at most. */
const MAX_DEPTH = 4096;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

/** All subvolumes but the top one, by id. @throws CorruptImageError */
export async function listSubvolumes(volume: Volume): Promise<readonly SubvolumeFacts[]> {
  const found: SubvolumeFacts[] = [];
  const paths = new PathFinder(volume);
  const from = { objectid: Id.firstFree, type: Type.rootItem, offset: 0 };
  const to = { objectid: 2 ** 63, type: Type.rootItem, offset: LAST_OFFSET };
  for await (const item of volume.rootTree.range(from, to)) {
    if (item.type !== Type.rootItem) continue;
    const root = RootItem.decode(item.data);
    const place = await paths.of(item.objectid);
    // Without references it is being deleted.
    if (root.refs === 0 || place === undefined) continue;
    found.push({
      ...place,
      ...more(item.data),
      id: item.objectid,
      generation: Number(root.generation),
      isReadOnly: (root.flags & ROOT_READONLY) !== 0n,
    });
  }
  return found;
}

/** The top subvolume, which is in no other one. @throws CorruptImageError */
async function topSubvolume({ rootTree }: Volume): Promise<SubvolumeFacts> {
  const item = await rootTree.last({ objectid: Id.fsTree, type: Type.rootItem, offset: LAST_OFFSET });
  if (item?.objectid !== Id.fsTree || item.type !== Type.rootItem) {
    throw new CorruptImageError({ structure: 'btrfs_root_item', reason: 'there is no top subvolume' });
  }
  const { generation, flags } = RootItem.decode(item.data);
  const own = { id: Id.fsTree, parentId: 0, path: '', generation: Number(generation) };
  return { ...own, ...more(item.data), isReadOnly: (flags & ROOT_READONLY) !== 0n };
}

/** One subvolume, the top one included. @throws CorruptImageError */
export async function subvolumeById(volume: Volume, id: number): Promise<SubvolumeFacts> {
  const found = id === Id.fsTree ? await topSubvolume(volume) : (await listSubvolumes(volume)).find((s) => s.id === id);
  if (found !== undefined) return found;
  throw new CorruptImageError({
    structure: 'btrfs_root_ref',
    field: 'id',
    found: id,
    expected: 'a subvolume with a name',
  });
}

type Later = Pick<
  SubvolumeFacts,
  | 'originalGeneration'
  | 'uuid'
  | 'parentUuid'
  | 'receivedUuid'
  | 'created'
  | 'sentGeneration'
  | 'sent'
  | 'receivedGeneration'
  | 'received'
>;

/** Root items of before Linux 3.6 have no such fields. */
const NOTHING_MORE: Later = {
  originalGeneration: 0,
  uuid: undefined,
  parentUuid: undefined,
  receivedUuid: undefined,
  created: undefined,
  sentGeneration: 0,
  sent: undefined,
  receivedGeneration: 0,
  received: undefined,
};

/** Fields that root items have since Linux 3.6. */
function more(data: Uint8Array): Later {
  if (data.length < RootItemUuid.size) return NOTHING_MORE;
  const item = RootItemUuid.decode(data);
  const given = (text: string): string | undefined => (text === NO_UUID ? undefined : text);
  const time = (seconds: bigint): number | undefined => (seconds === 0n ? undefined : Number(seconds));
  return {
    originalGeneration: Number(item.otransid),
    uuid: given(item.uuid),
    parentUuid: given(item.parentUuid),
    receivedUuid: given(item.receivedUuid),
    created: time(item.otimeSec),
    sentGeneration: Number(item.stransid),
    sent: time(item.stimeSec),
    receivedGeneration: Number(item.rtransid),
    received: time(item.rtimeSec),
  };
}

/** Paths of subvolumes, through the back references of their roots and the inodes above them. */
class PathFinder {
  readonly #known = new Map<number, { parentId: number; path: string } | undefined>();

  constructor(private readonly volume: Volume) {}

  async of(id: number, depth = 0): Promise<{ parentId: number; path: string } | undefined> {
    if (this.#known.has(id)) return this.#known.get(id);
    if (depth > MAX_DEPTH)
      throw new CorruptImageError({ structure: 'btrfs_root_ref', reason: 'subvolumes lie within each other' });
    const back = await this.volume.rootTree.last({ objectid: id, type: Type.rootBackref, offset: LAST_OFFSET });
    if (back?.objectid !== id || back.type !== Type.rootBackref) {
      this.#known.set(id, undefined);
      return undefined;
    }
    const { dirid, nameLength } = RootRef.decode(back.data);
    const name = decodeFileName(back.data.subarray(RootRef.size, RootRef.size + nameLength));
    const above = back.offset === Id.fsTree ? '' : (await this.of(back.offset, depth + 1))?.path;
    const inside = await this.#directory(back.offset, toSafeInteger(dirid, 'dirid'));
    const place = {
      parentId: back.offset,
      path: [above, inside, name].filter((part) => part !== undefined && part !== '').join('/'),
    };
    this.#known.set(id, place);
    return place;
  }

  /** Path of a directory within its subvolume. */
  async #directory(subvolumeId: number, objectid: number): Promise<string> {
    const { items, rootDir } = await this.volume.subvolume(subvolumeId);
    const names: string[] = [];
    for (let at = objectid; at !== rootDir; ) {
      if (names.length > MAX_DEPTH)
        throw new CorruptImageError({ structure: 'btrfs_inode_ref', reason: 'directories lie within each other' });
      const ref = await items.last({ objectid: at, type: Type.inodeRef, offset: LAST_OFFSET });
      if (ref?.objectid !== at || ref.type !== Type.inodeRef) {
        throw new CorruptImageError({
          structure: 'btrfs_inode_ref',
          field: 'objectid',
          found: at,
          expected: 'a directory with a name',
        });
      }
      const { nameLength } = InodeRef.decode(ref.data);
      names.unshift(decodeFileName(ref.data.subarray(InodeRef.size, InodeRef.size + nameLength)));
      at = ref.offset;
    }
    return names.join('/');
  }
}
