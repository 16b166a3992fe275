import { crc32c } from '../../binary/index.js';
import type { TransactionHost } from '../../contracts/index.js';

/** What a journal's name adds to the image's. */
const SUFFIX = '.vmcraft-journal';
/** Longest image name kept whole, bytes; host names have 255, and `.tmp` must fit as well. */
const MAX_NAME = 200;

/**
 * Name of a file that belongs to an image: the image's with a suffix, cut and told apart by a hash where it would be too long.
 * @param hashed add the hash in any case, because files of images of several folders meet
 */
export function sideName(name: string, imagePath: string, suffix: string, hashed = false): string {
  const encoded = new TextEncoder().encode(name);
  if (encoded.length <= MAX_NAME && !hashed) return `${name}${suffix}`;
  const hash = crc32c(new TextEncoder().encode(imagePath)).toString(16).padStart(8, '0');
  return `${new TextDecoder().decode(encoded.subarray(0, MAX_NAME))}-${hash}${suffix}`;
}

/** Where the journals of images lie: beside them, or in one folder given by the caller. */
export class JournalPlace {
  readonly #host: TransactionHost;
  readonly #folder: string | undefined;

  constructor(host: TransactionHost, folder: string | undefined) {
    this.#host = host;
    this.#folder = folder;
  }

  /** @param imagePath without symbolic links */
  pathOf(imagePath: string): string {
    const name = sideName(this.#host.nameOf(imagePath), imagePath, SUFFIX, this.#folder !== undefined);
    return this.#host.join(this.#folder ?? this.#host.folderOf(imagePath), name);
  }

  /** Where it is written before it gets its name. */
  temporary(journalPath: string): string {
    return `${journalPath}.tmp`;
  }
}
