import { type HostFile, TransactionalFiles, type TransactionHost, type TransactionOptions } from '@vmcraft/core';
import { seededRandom } from '@vmcraft/testkit';

/** Two images in one folder and one in another: what one guest may consist of. */
export const IMAGES = ['/vm/a.img', '/vm/b.img', '/other/c.img'] as const;

const made = new Map<string, Uint8Array>();

/** Bytes that look like nothing else. */
export function noise(length: number, seed: number): Uint8Array {
  const key = `${length} ${seed}`;
  const random = seededRandom(seed);
  if (!made.has(key))
    made.set(
      key,
      Uint8Array.from({ length }, () => Math.floor(random() * 256)),
    );
  return made.get(key)!;
}

/** The images before. */
export const BEFORE: ReadonlyMap<string, Uint8Array> = new Map(
  IMAGES.map((path, i) => [path, noise(40_000 + i * 13_333, i + 1)]),
);

/** The images after {@link edit}, computed without any of the code under test. */
export const AFTER: ReadonlyMap<string, Uint8Array> = expected();

function expected(): Map<string, Uint8Array> {
  const result = new Map<string, Uint8Array>();
  const [a, b, c] = IMAGES.map((path) => BEFORE.get(path)!);
  const grown = new Uint8Array(70_000);
  grown.set(a!);
  grown.set(noise(600, 10), 100);
  grown.set(noise(9000, 11), 20_001);
  grown.set(noise(3000, 12), 67_000);
  result.set(IMAGES[0], grown);
  const cut = new Uint8Array(40_500);
  cut.set(b!.subarray(0, 12_345));
  cut.set(noise(50, 13), 40_450);
  result.set(IMAGES[1], cut);
  const holed = c!.slice();
  holed.fill(0, 5000, 30_000);
  holed.set(noise(4096, 14), 8192);
  result.set(IMAGES[2], holed);
  return result;
}

/** Make the change in a transaction, without committing. */
export async function edit(files: TransactionalFiles): Promise<void> {
  const open = (path: string): Promise<HostFile> => files.open(path, { writable: true });
  const [a, b, c] = [await open(IMAGES[0]), await open(IMAGES[1]), await open(IMAGES[2])];
  await a.write(100, noise(600, 10));
  await a.write(20_001, noise(9000, 11));
  await a.write(67_000, noise(3000, 12));
  await b.truncate(12_345);
  await b.write(40_450, noise(50, 13));
  await c.punchHole(5000, 25_000);
  await c.write(8192, noise(4096, 14));
}

/** The whole life of a session: open, edit, commit, close. */
export async function session(host: TransactionHost, options: TransactionOptions = {}): Promise<void> {
  const files = new TransactionalFiles(host, options);
  try {
    await edit(files);
    await files.commit();
  } finally {
    await files.close();
  }
}

/** All images as a new session sees them. */
export async function see(host: TransactionHost, writable: boolean): Promise<Map<string, Uint8Array>> {
  const files = new TransactionalFiles(host);
  const seen = new Map<string, Uint8Array>();
  try {
    for (const path of IMAGES) {
      const file = await files.open(path, { writable });
      seen.set(path, (await file.read(0, file.size)).slice());
      await file.close();
    }
  } finally {
    await files.close();
  }
  return seen;
}

/** Which of the two states the images are in; undefined when in neither. */
export function stateOf(seen: ReadonlyMap<string, Uint8Array>): 'before' | 'after' | undefined {
  const same = (wanted: ReadonlyMap<string, Uint8Array>): boolean =>
    IMAGES.every((path) => Buffer.compare(seen.get(path)!, wanted.get(path)!) === 0);
  if (same(BEFORE)) return 'before';
  return same(AFTER) ? 'after' : undefined;
}
