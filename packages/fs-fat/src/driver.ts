import type { FsDriver } from '@vmcraft/core/contracts';
import { check } from './check.js';
import { format } from './format.js';
import { DRIVER, openFileSystem, probe } from './open.js';

/** Driver of FAT12, FAT16, FAT32 and exFAT. */
export const fatDriver: FsDriver = { name: DRIVER, probe, open: openFileSystem, format, check };
