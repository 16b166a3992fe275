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

type Later = Pick<SubvolumeFacts, 'originalGeneration' | 'uuid' | 'parentUuid' | 'receivedUuid' | 'created'>;

/** Fields that root items have since Linux 3.6. */
function more(data: Uint8Array): Later {
  if (data.length < RootItemUuid.size) {
    return {
      originalGeneration: 0,
      uuid: undefined,
      parentUuid: undefined,
      receivedUuid: undefined,
      created: undefined,
    };
  }
  const { uuid, parentUuid, receivedUuid, otransid, otimeSec } = RootItemUuid.decode(data);
  const given = (text: string): string | undefined => (text === NO_UUID ? undefined : text);
  return {
    originalGeneration: Number(otransid),
    uuid: given(uuid),
    parentUuid: given(parentUuid),
    receivedUuid: given(receivedUuid),
    created: Number(otimeSec),
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
