import { UsageError } from '@vmcraft/core';

/**
 * Options that reach past the file system: devices and files of this host beside it (ext4(5), xfs(5), btrfs(5)), what lifts the protection of our
 * mount, and how a driver of FUSE finds its mount (mount.fuse(8)).
 */
const REFUSED =
  /^((device|logdev|rtdev|journal_path|journal_dev|jdev|fatal_errors|modules|subtype|fsname|fd|rootmode|user_id|group_id)(=|$)|(suid|dev|errors=panic)$)/;

/** Mount options that somebody gave, perhaps from a guest's fstab. @throws UsageError when one is not for a file system of a guest */
export function safeOptions(given: readonly string[]): readonly string[] {
  const options = given.flatMap((text) => text.split(','));
  const refused = options.find((option) => REFUSED.test(option.trim()));
  if (refused === undefined) return options;
  throw new UsageError(`'${refused}' is not for the file system of a guest`, { argument: 'options' });
}
