import type { Session } from './session.js';

/** Only root looks in: what a check finds may be anyone's. */
const MODE = 0o700;
/** Room that mklost+found(8) leaves, so that a check need not allocate blocks. */
const WANTED_SIZE = 16 * 1024;
/** Names of this length fill a directory quickly. */
const NAME_LENGTH = 250;
const MAX_NAMES = 1024;
const NEW_FILE = 0o600;

/** Make `lost+found` in a directory, with room for entries: files are made until it has grown, and removed. */
export async function makeLostAndFound(g: Session, directory: string): Promise<void> {
  const action = 'mklost_and_found';
  const path = `${directory.endsWith('/') ? directory : `${directory}/`}lost+found`;
  const made = await g.vfs.edit.mkdir(path, MODE, action);
  await g.vfs.edit.setattr(path, { mode: MODE }, action);
  const names: string[] = [];
  try {
    while (names.length < MAX_NAMES && (await g.vfs.statAt(made)).size < WANTED_SIZE) {
      const name = `${path}/${String(names.length).padStart(NAME_LENGTH, 'x')}`;
      await g.vfs.edit.open(name, { create: NEW_FILE }, action);
      names.push(name);
    }
  } finally {
    for (const name of names) await g.vfs.edit.unlink(name, action);
  }
}
