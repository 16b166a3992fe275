import type { MemoryDevice } from '@vmcraft/core/block';
import { readSuperblock090 } from '../src/superblock-090.js';

const WORDS = 1024;
/** Words of the superblock (md_p.h), and those that are halves of one number. */
const WORD = { level: 7, size: 8, chunk: 65, checksum: 38 } as const;
const PAIRS = [39, 41, 44] as const;

type Words = number[];

async function read(device: MemoryDevice): Promise<{ readonly offset: number; readonly words: Words }> {
  const { offset } = (await readSuperblock090(device))!;
  const data = Buffer.from(await device.read(offset, WORDS * 4));
  return { offset, words: Array.from({ length: WORDS }, (_, i) => data.readUInt32LE(i * 4)) };
}

/** Sum of all words but the checksum, the carry added once. */
function seal(words: Words): void {
  words[WORD.checksum] = 0;
  const sum = words.reduce((a, b) => a + b, 0);
  words[WORD.checksum] = ((sum % 2 ** 32) + Math.floor(sum / 2 ** 32)) >>> 0;
}

async function write(device: MemoryDevice, offset: number, words: Words, isBig = false): Promise<void> {
  const out = Buffer.alloc(WORDS * 4);
  for (const [i, word] of words.entries()) isBig ? out.writeUInt32BE(word, i * 4) : out.writeUInt32LE(word, i * 4);
  await device.write(offset, out);
}

/** What a big-endian machine would have written: its words, and the halves of long numbers the other way round. */
export async function makeBigEndian(members: readonly MemoryDevice[]): Promise<void> {
  for (const device of members) {
    const { offset, words } = await read(device);
    for (const at of PAIRS) [words[at], words[at + 1]] = [words[at + 1]!, words[at]!];
    seal(words);
    await write(device, offset, words, true);
  }
}

/** Let the members of a RAID 1 be those of a RAID 0. */
export async function makeRaid0(members: readonly MemoryDevice[], chunkSize: number): Promise<void> {
  for (const device of members) {
    const { offset, words } = await read(device);
    words[WORD.level] = 0;
    words[WORD.size] = 0;
    words[WORD.chunk] = chunkSize;
    seal(words);
    await write(device, offset, words);
  }
}
