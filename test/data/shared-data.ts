import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createGunzip, gunzipSync } from 'node:zlib';

/** Real images of other projects, with facts that other tools computed. */
export const DATA = resolve(import.meta.dirname, '../../../shared/data');
export const MANIFEST = join(DATA, 'manifest.json');

/** What blkid printed. */
export type Blkid = Readonly<Record<string, string>>;

/** Where a listing of files lies. */
interface Lists {
  readonly files?: { readonly file: string; readonly entries: number };
}

/** Facts of one file system. */
export interface FilesystemFacts {
  readonly blkid?: Blkid | readonly Blkid[];
  readonly lists?: Lists;
  readonly mounted?: string;
  readonly mount_error?: string;
  readonly dumpe2fs?: Readonly<Record<string, string>>;
  readonly e2fsck_fn_rc?: number;
  readonly dirty_journal?: boolean;
}

/** Facts of what lies on a disk. */
export interface ContentFacts extends FilesystemFacts {
  readonly partitions?: readonly (FilesystemFacts & {
    readonly index: number;
    readonly start: number;
    readonly size: number;
  })[];
  readonly sfdisk?: {
    readonly label: string;
    readonly id?: string;
    readonly sectorsize: number;
    readonly partitions: readonly {
      readonly start: number;
      readonly size: number;
      readonly type: string;
      readonly name?: string;
      readonly uuid?: string;
      readonly bootable?: boolean;
    }[];
  };
}

/** One entry of the manifest. */
export interface Entry {
  readonly name: string;
  readonly kind: string;
  readonly file?: string;
  readonly size?: number;
  readonly sha256: string;
  /** Entry with the facts of the set of devices that this one belongs to. */
  readonly group_leader?: string;
  readonly opts?: Readonly<Record<string, string>>;
  readonly upstream_expected?: { readonly file: string; readonly text: readonly string[] };
  readonly oracle?: ContentFacts & {
    readonly content?: ContentFacts;
    readonly guest?: { readonly size: number };
    readonly info?: { readonly format: string; readonly 'virtual-size': number };
    readonly label?: { readonly name: string; readonly pool_guid: string };
    readonly devices?: readonly Blkid[];
  };
}

/** One file of a listing. Absent fields are not known for its file system. */
export interface ListedFile {
  readonly path: string;
  readonly type?: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly ino?: number;
  readonly nlink?: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly target?: string;
  readonly xattrs?: readonly string[];
  /** Why the tool could not look at it. */
  readonly error?: string;
}

/** All entries, or none where the folder is not there. */
export const entries: readonly Entry[] = existsSync(MANIFEST)
  ? (JSON.parse(readFileSync(MANIFEST, 'utf8')) as Entry[])
  : [];

/** Bytes compared with zeros at once. */
const CHUNK = 65536;
const ZEROS = Buffer.alloc(CHUNK);

/** Put the plain file of an entry at `target`, with holes for its zeros. */
export async function unpack(entry: Entry, target: string): Promise<void> {
  const source = createReadStream(join(DATA, entry.file as string));
  const isPacked = (entry.file as string).endsWith('.gz') && !entry.name.endsWith('.gz');
  const plain = isPacked ? source.pipe(createGunzip({ chunkSize: CHUNK })) : source;
  source.on('error', (error) => plain.destroy(error));
  const file = await open(target, 'wx');
  try {
    let position = 0;
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      const isZero = chunk.length <= CHUNK && chunk.equals(ZEROS.subarray(0, chunk.length));
      if (!isZero) await file.write(chunk, 0, chunk.length, position);
      position += chunk.length;
    }
    await file.truncate(position);
  } finally {
    await file.close();
  }
}

/** SHA-256 of a file of the host. */
export async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The files another tool listed. */
export function readListing(file: string): ListedFile[] {
  const bytes = readFileSync(join(DATA, file));
  return JSON.parse((file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')) as ListedFile[];
}
