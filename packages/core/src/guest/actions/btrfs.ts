import { FsError } from '../../errors/index.js';
import { arg, Device, defineAction, Mountable_or_Path, Pathname } from '../action.js';
import { type StructValue, structs } from '../structs.js';
import { subvolumeText } from '../subvolume-text.js';
import { withSubvolumes } from '../subvolumes.js';

const fs = arg('fs', Mountable_or_Path);
const path = arg('path', Pathname);

/** The functions of Btrfs that only look; the others need its own tools. */
export const btrfsActions = [
  defineAction({
    name: 'btrfs_subvolume_list',
    theme: 'btrfs',
    group: 'btrfs',
    args: [fs],
    returns: { structList: 'btrfssubvolume' },
    doc: 'The subvolumes and snapshots of a Btrfs, by id: each with the id of the one that it lies in and its path, from the subvolume that is asked or, outside of that, from the top.',
    run: (g, place) =>
      withSubvolumes(g, place, 'btrfs_subvolume_list', async (found, at) => {
        const above = `${(await found.subvolumeOf(at)).subvolume.path}/`;
        return (await found.subvolumes()).map(({ id, parentId, path }) => ({
          btrfssubvolume_id: id,
          btrfssubvolume_top_level_id: parentId,
          btrfssubvolume_path: path.startsWith(above) ? path.slice(above.length) : path,
        }));
      }),
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
  defineAction({
    name: 'btrfs_subvolume_show',
    theme: 'btrfs',
    group: 'btrfs',
    args: [arg('subvolume', Pathname)],
    returns: 'RHashtable',
    doc: 'What is known of a subvolume: `Name`, `UUID`, `Subvolume ID`, `Snapshot(s)` and so on, as `btrfs subvolume show` names it; values that are not set are empty. Fails with EINVAL when the path is not that of a subvolume.',
    run: (g, place) =>
      withSubvolumes(g, place, 'btrfs_subvolume_show', async (found, at) => {
        const { subvolume, isRoot } = await found.subvolumeOf(at);
        if (!isRoot) {
          throw new FsError('EINVAL', {
            operation: 'btrfs_subvolume_show',
            path: place,
            reason: 'not a Btrfs subvolume',
          });
        }
        const groups = await found.quotaGroups();
        const own = groups?.find(({ id }) => id === `0/${subvolume.id}`);
        return subvolumeText(subvolume, await found.subvolumes(), own);
      }),
  }),
  defineAction({
    name: 'btrfs_filesystem_show',
    theme: 'btrfs',
    group: 'btrfs',
    args: [arg('device', Device)],
    returns: 'RStringList',
    doc: 'The devices that the file system on a device lies on. Fails with ENODEV when one of them is missing.',
    run: (g, name) =>
      withSubvolumes(g, name, 'btrfs_filesystem_show', async (found) => {
        const members = found.members();
        const missing = members.find(({ device }) => device === undefined);
        if (missing !== undefined) {
          const reason = `device ${missing.id} (${missing.uuid}) of the file system is missing`;
          throw new FsError('ENODEV', { operation: 'btrfs_filesystem_show', path: name, reason });
        }
        const own = new Set(members.map(({ device }) => device));
        return g.storage.devices.filter(({ device }) => own.has(device)).map((device) => device.name);
      }),
  }),
  defineAction({
    name: 'btrfs_qgroup_show',
    theme: 'btrfs',
    group: 'btrfs',
    args: [path],
    returns: { structList: 'btrfsqgroup' },
    doc: 'The quota groups of a Btrfs, each with the bytes that it refers to and those that are its alone. Fails with ENODATA when quotas are not enabled.',
    run: (g, place) =>
      withSubvolumes(g, place, 'btrfs_qgroup_show', async (found) => {
        const groups = await found.quotaGroups();
        if (groups === undefined) {
          throw new FsError('ENODATA', {
            operation: 'btrfs_qgroup_show',
            path: place,
            reason: 'quotas are not enabled',
          });
        }
        return groups.map(({ id, referenced, exclusive }) => ({
          btrfsqgroup_id: id,
          btrfsqgroup_rfer: referenced,
          btrfsqgroup_excl: exclusive,
        }));
      }),
  }),
  defineAction({
    name: 'btrfs_balance_status',
    theme: 'btrfs',
    group: 'btrfs',
    args: [path],
    returns: { struct: 'btrfsbalance' },
    doc: 'Whether a balance was begun and not finished: `btrfsbalance_status` is `none` or `paused`. How far it came is not on the disk, so the numbers are 0.',
    run: (g, place) =>
      withSubvolumes(g, place, 'btrfs_balance_status', async (found) => ({
        btrfsbalance_status: (await found.hasPausedBalance()) ? 'paused' : 'none',
        btrfsbalance_total: 0,
        btrfsbalance_balanced: 0,
        btrfsbalance_considered: 0,
        btrfsbalance_left: 0,
      })),
  }),
  defineAction({
    name: 'btrfs_scrub_status',
    theme: 'btrfs',
    group: 'btrfs',
    args: [path],
    returns: { struct: 'btrfsscrub' },
    doc: 'What a scrub found since the file system was mounted. None runs in this process, as every read verifies: all numbers are 0.',
    run: (g, place) => withSubvolumes(g, place, 'btrfs_scrub_status', async () => NO_SCRUB),
  }),
] as const;

const NO_SCRUB = Object.fromEntries(
  Object.keys(structs.btrfsscrub).map((field) => [field, 0]),
) as StructValue<'btrfsscrub'>;
