import { plugin as backendImage } from '@vmcraft/backend-image/plugin';
import { plugin as backendLibguestfs } from '@vmcraft/backend-libguestfs/plugin';
import { plugin as backendNbd } from '@vmcraft/backend-nbd/plugin';
import type { VmcraftPlugin } from '@vmcraft/core/contracts';
import { plugin as fsBtrfs } from '@vmcraft/fs-btrfs/plugin';
import { plugin as fsExt } from '@vmcraft/fs-ext/plugin';
import { plugin as fsFat } from '@vmcraft/fs-fat/plugin';
import { plugin as fsHost } from '@vmcraft/fs-host/plugin';
import { plugin as fsIso9660 } from '@vmcraft/fs-iso9660/plugin';
import { plugin as fsNtfs } from '@vmcraft/fs-ntfs/plugin';
import { plugin as fsSquashfs } from '@vmcraft/fs-squashfs/plugin';
import { plugin as fsXfs } from '@vmcraft/fs-xfs/plugin';
import { plugin as osLinux } from '@vmcraft/os-linux/plugin';
import { plugin as osWindows } from '@vmcraft/os-windows/plugin';
import { plugin as storageBitlocker } from '@vmcraft/storage-bitlocker/plugin';
import { plugin as storageLdm } from '@vmcraft/storage-ldm/plugin';
import { plugin as storageLuks } from '@vmcraft/storage-luks/plugin';
import { plugin as storageLvm } from '@vmcraft/storage-lvm/plugin';
import { plugin as storageMdraid } from '@vmcraft/storage-mdraid/plugin';

/** The plugins that come with VMCraft. Only their descriptors are loaded; each loads the rest when it is chosen. */
export const defaultPlugins: readonly VmcraftPlugin[] = [
  backendImage,
  backendLibguestfs,
  backendNbd,
  fsBtrfs,
  fsExt,
  fsFat,
  fsHost,
  fsIso9660,
  fsNtfs,
  fsSquashfs,
  fsXfs,
  osLinux,
  osWindows,
  storageBitlocker,
  storageLdm,
  storageLuks,
  storageLvm,
  storageMdraid,
];
