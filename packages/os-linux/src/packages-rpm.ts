import type { Application, FileTree } from '@vmcraft/core';
import { berkeleyHeaders } from './rpm/berkeley.js';
import { packageOf } from './rpm/header.js';
import { ndbHeaders } from './rpm/ndb.js';
import { sqliteHeaders } from './rpm/sqlite.js';

/** Where the database is: by default, and on systems whose /var is not part of the image (Fedora from 36, SUSE). */
const FOLDERS = ['/usr/lib/sysimage/rpm', '/var/lib/rpm', '/usr/share/rpm'];

/**
 * Installed packages of RPM, from whichever of its database formats is there; the newest format wins, as an old file may have been left.
 * @throws CorruptImageError, LimitExceededError
 */
export async function readRpm(tree: FileTree): Promise<readonly Application[]> {
  for (const folder of FOLDERS) {
    const headers = await headersIn(tree, folder);
    if (headers === undefined) continue;
    const found: Application[] = [];
    for await (const header of headers) {
      const application = packageOf(header);
      if (application !== undefined) found.push(application);
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  }
  return [];
}

async function headersIn(tree: FileTree, folder: string): Promise<AsyncIterable<Uint8Array> | undefined> {
  const sqlite = await tree.open(`${folder}/rpmdb.sqlite`);
  if (sqlite !== undefined) return sqliteHeaders(sqlite, await tree.open(`${folder}/rpmdb.sqlite-wal`));
  const ndb = await tree.open(`${folder}/Packages.db`);
  if (ndb !== undefined) return ndbHeaders(ndb);
  const berkeley = await tree.open(`${folder}/Packages`);
  return berkeley === undefined ? undefined : berkeleyHeaders(berkeley);
}
