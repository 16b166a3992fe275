import { plugin as backendImage } from '@vmcraft/backend-image';
import { plugin as backendNbd } from '@vmcraft/backend-nbd';
import type { VmcraftPlugin } from '@vmcraft/core/contracts';
import { plugin as fsExt } from '@vmcraft/fs-ext';
import { plugin as fsFat } from '@vmcraft/fs-fat';
import { plugin as osLinux } from '@vmcraft/os-linux';

/** The plugins that come with VMCraft. Only their descriptors are loaded; each loads the rest when it is chosen. */
export const defaultPlugins: readonly VmcraftPlugin[] = [backendImage, backendNbd, fsExt, fsFat, osLinux];
