import { hexMagic, type SignatureDetails, type SignatureSpec } from './signature.js';

/** What the checks need of a superblock, whichever version it is. */
interface MinixFacts {
  readonly version: string;
  readonly inodes: number;
  readonly zones: number;
  readonly inodeMapBlocks: number;
  readonly zoneMapBlocks: number;
  readonly firstDataZone: number;
  readonly blockSize: number;
}

/** Valid and error bits of `s_state`; versions 1 and 2 have no others. */
const STATE_BITS = 0x3;

/** Tanenbaum & Woodhull, Operating Systems: Design and Implementation, section 5.6.2 (version 3 has a block size). */
function readFacts(view: DataView, littleEndian: boolean, version: string): MinixFacts | undefined {
  const u16 = (at: number): number => view.getUint16(at, littleEndian);
  const u32 = (at: number): number => view.getUint32(at, littleEndian);
  if (version === '3') {
    const common = { version, inodes: u32(0), zones: u32(20), blockSize: u16(28) };
    return { ...common, inodeMapBlocks: u16(6), zoneMapBlocks: u16(8), firstDataZone: u16(10) };
  }
  if ((u16(18) & ~STATE_BITS) !== 0) return undefined;
  const zones = version === '1' ? u16(2) : u32(20);
  const common = { version, inodes: u16(0), zones, blockSize: 1024 };
  return { ...common, inodeMapBlocks: u16(4), zoneMapBlocks: u16(6), firstDataZone: u16(8) };
}

/** The magic is two bytes only: the maps must be large enough, and the data must begin behind them. */
function isSane(m: MinixFacts): boolean {
  const bitsPerBlock = m.blockSize * 8;
  return (
    m.inodes > 0 &&
    m.blockSize >= 1024 &&
    m.zones > m.firstDataZone &&
    m.inodeMapBlocks * bitsPerBlock >= m.inodes + 1 &&
    m.zoneMapBlocks * bitsPerBlock >= m.zones - m.firstDataZone + 1 &&
    m.firstDataZone >= 2 + m.inodeMapBlocks + m.zoneMapBlocks
  );
}

const MAGICS: readonly [digits: string, at: number, version: string][] = [
  ['137f', 16, '1'],
  ['138f', 16, '1'],
  ['2468', 16, '2'],
  ['2478', 16, '2'],
  ['4d5a', 24, '3'],
];

const swapped = (digits: string): string => digits.slice(2) + digits.slice(0, 2);

/** Minix file systems of either byte order. */
export const MINIX: SignatureSpec = {
  type: 'minix',
  usage: 'filesystem',
  tolerant: true,
  magics: MAGICS.flatMap(([digits, at]) => [
    hexMagic(1024 + at, digits, -at),
    hexMagic(1024 + at, swapped(digits), -at),
  ]),
  read: async (w, { base, index }): Promise<SignatureDetails | undefined> => {
    const view = await w.view(base, 32);
    const facts = view && readFacts(view, index % 2 === 1, MAGICS[index >> 1]![2]);
    return facts !== undefined && isSane(facts) ? { version: facts.version } : undefined;
  },
};
