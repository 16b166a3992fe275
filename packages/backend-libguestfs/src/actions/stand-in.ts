import { arg, Bool, Device, FileOut, Pathname, PlainString, StringList } from '@vmcraft/core/guest';
import { outside } from './outside.js';

/** Functions that this process has too, but cannot always do, as guestfs(3) describes them. */
export const standInActions = [
  outside(
    { name: 'mksquashfs', theme: 'archive-transfer', group: 'squashfs' },
    [arg('path', Pathname), arg('filename', FileOut)],
    'void',
    { compress: PlainString, excludes: StringList(PlainString) },
  ),
  outside(
    { name: 'rsync', theme: 'archive-transfer', group: 'rsync' },
    [arg('src', Pathname), arg('dest', Pathname)],
    'void',
    { archive: Bool, deletedest: Bool },
  ),
  outside(
    { name: 'rsync_in', theme: 'archive-transfer', group: 'rsync' },
    [arg('remote', PlainString), arg('dest', Pathname)],
    'void',
    { archive: Bool, deletedest: Bool },
  ),
  outside(
    { name: 'rsync_out', theme: 'archive-transfer', group: 'rsync' },
    [arg('src', Pathname), arg('remote', PlainString)],
    'void',
    { archive: Bool, deletedest: Bool },
  ),
  outside({ name: 'feature_available', theme: 'handle-appliance' }, [arg('groups', StringList(PlainString))], 'RBool'),
  outside(
    { name: 'modprobe', theme: 'handle-appliance', group: 'linuxmodules' },
    [arg('modulename', PlainString)],
    'void',
  ),
  outside(
    { name: 'clevis_luks_unlock', theme: 'luks', group: 'clevisluks' },
    [arg('device', Device), arg('mapname', PlainString)],
    'void',
  ),
] as const;
