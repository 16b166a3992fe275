import { sizeOf } from './attribute.js';
import { readAttribute } from './attribute-reader.js';
import { directoryIndex, findName } from './directory.js';
import { AttributeType, SystemFile } from './layout.js';
import type { Volume } from './volume.js';

/** The file that Windows writes its memory to, in the root directory. */
export const HIBERFIL = 'hiberfil.sys';
/** Signatures of an image that Windows will resume from; `wake` and zeros are those of a used one. */
const ACTIVE = new Set(['hibr', 'HIBR', 'rstr', 'RSTR']);
const HEADER_SIZE = 4096;

/** Whether a hibernated (or fast-started) Windows will go on from this volume as it was. @throws CorruptImageError */
export async function isHibernated(volume: Volume): Promise<boolean> {
  const root = await volume.mft.load(SystemFile.root);
  const found = await findName(directoryIndex(volume, root, 'open'), HIBERFIL, 'open');
  if (found === undefined) return false;
  const data = (await volume.mft.load(found.entry.record)).find(AttributeType.data);
  if (data === undefined) return false;
  const head = await readAttribute(volume, data, 0, HEADER_SIZE);
  // A file that is too short for its header is one that was being written.
  return sizeOf(data) < HEADER_SIZE || ACTIVE.has(String.fromCharCode(...head.subarray(0, 4)));
}
