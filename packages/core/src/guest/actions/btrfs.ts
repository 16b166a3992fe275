import { arg, defineAction, Mountable_or_Path } from '../action.js';
import { withSubvolumes } from '../subvolumes.js';

const fs = arg('fs', Mountable_or_Path);

/** The functions of Btrfs that only look; the others need its own tools. */
export const btrfsActions = [
  defineAction({
    name: 'btrfs_subvolume_list',
    theme: 'btrfs',
    group: 'btrfs',
    args: [fs],
    returns: { structList: 'btrfssubvolume' },
    doc: 'The subvolumes and snapshots of a Btrfs, by id: each with the id of the one that it lies in and its path from the top.',
    run: (g, place) =>
      withSubvolumes(g, place, 'btrfs_subvolume_list', async (found) =>
        (await found.subvolumes()).map(({ id, parentId, path }) => ({
          btrfssubvolume_id: id,
          btrfssubvolume_top_level_id: parentId,
          btrfssubvolume_path: path,
        })),
      ),
  }),
  defineAction({
    name: 'btrfs_subvolume_get_default',
    theme: 'btrfs',
    group: 'btrfs',
    args: [fs],
    returns: 'RInt64',
    doc: 'The id of the subvolume that is mounted when none is named.',
    run: (g, place) => withSubvolumes(g, place, 'btrfs_subvolume_get_default', (found) => found.defaultSubvolume()),
  }),
] as const;
