import { viewOf } from '@vmcraft/core/binary';

const UNITS = 65536;

/**
 * Which UTF-16 units have another upper case: first unit, how many, distance from one to the next, and what to add.
 *
 * The simple upper cases of Unicode 5.1 as Windows has them since Vista: no changes that cross the blocks of U+0131 and U+017F, title
 * case for the Greek letters with iota. Fixed here, as the tables of a runtime follow later versions of Unicode.
 */
const RUNS = [
  0x61, 26, 1, -32, 0xe0, 23, 1, -32, 0xf8, 7, 1, -32, 0xff, 1, 1, 121, 0x101, 24, 2, -1, 0x133, 3, 2, -1, 0x13a, 8, 2,
  -1, 0x14b, 23, 2, -1, 0x17a, 3, 2, -1, 0x180, 1, 1, 195, 0x183, 2, 2, -1, 0x188, 1, 1, -1, 0x18c, 1, 1, -1, 0x192, 1,
  1, -1, 0x195, 1, 1, 97, 0x199, 1, 1, -1, 0x19a, 1, 1, 163, 0x19e, 1, 1, 130, 0x1a1, 3, 2, -1, 0x1a8, 1, 1, -1, 0x1ad,
  1, 1, -1, 0x1b0, 1, 1, -1, 0x1b4, 2, 2, -1, 0x1b9, 1, 1, -1, 0x1bd, 1, 1, -1, 0x1bf, 1, 1, 56, 0x1c6, 1, 1, -2, 0x1c9,
  1, 1, -2, 0x1cc, 1, 1, -2, 0x1ce, 8, 2, -1, 0x1dd, 1, 1, -79, 0x1df, 9, 2, -1, 0x1f3, 1, 1, -2, 0x1f5, 1, 1, -1,
  0x1f9, 20, 2, -1, 0x223, 9, 2, -1, 0x23c, 1, 1, -1, 0x242, 1, 1, -1, 0x247, 5, 2, -1, 0x250, 1, 1, 10783, 0x251, 1, 1,
  10780, 0x253, 1, 1, -210, 0x254, 1, 1, -206, 0x256, 2, 1, -205, 0x259, 1, 1, -202, 0x25b, 1, 1, -203, 0x260, 1, 1,
  -205, 0x263, 1, 1, -207, 0x268, 1, 1, -209, 0x269, 1, 1, -211, 0x26b, 1, 1, 10743, 0x26f, 1, 1, -211, 0x271, 1, 1,
  10749, 0x272, 1, 1, -213, 0x275, 1, 1, -214, 0x27d, 1, 1, 10727, 0x280, 1, 1, -218, 0x283, 1, 1, -218, 0x288, 1, 1,
  -218, 0x289, 1, 1, -69, 0x28a, 2, 1, -217, 0x28c, 1, 1, -71, 0x292, 1, 1, -219, 0x371, 2, 2, -1, 0x377, 1, 1, -1,
  0x37b, 3, 1, 130, 0x3ac, 1, 1, -38, 0x3ad, 3, 1, -37, 0x3b1, 17, 1, -32, 0x3c3, 9, 1, -32, 0x3cc, 1, 1, -64, 0x3cd, 2,
  1, -63, 0x3d7, 1, 1, -8, 0x3d9, 12, 2, -1, 0x3f2, 1, 1, 7, 0x3f8, 1, 1, -1, 0x3fb, 1, 1, -1, 0x430, 32, 1, -32, 0x450,
  16, 1, -80, 0x461, 17, 2, -1, 0x48b, 27, 2, -1, 0x4c2, 7, 2, -1, 0x4cf, 1, 1, -15, 0x4d1, 42, 2, -1, 0x561, 38, 1,
  -48, 0x1d79, 1, 1, 35332, 0x1d7d, 1, 1, 3814, 0x1e01, 75, 2, -1, 0x1ea1, 48, 2, -1, 0x1f00, 8, 1, 8, 0x1f10, 6, 1, 8,
  0x1f20, 8, 1, 8, 0x1f30, 8, 1, 8, 0x1f40, 6, 1, 8, 0x1f51, 4, 2, 8, 0x1f60, 8, 1, 8, 0x1f70, 2, 1, 74, 0x1f72, 4, 1,
  86, 0x1f76, 2, 1, 100, 0x1f78, 2, 1, 128, 0x1f7a, 2, 1, 112, 0x1f7c, 2, 1, 126, 0x1f80, 8, 1, 8, 0x1f90, 8, 1, 8,
  0x1fa0, 8, 1, 8, 0x1fb0, 2, 1, 8, 0x1fb3, 1, 1, 9, 0x1fc3, 1, 1, 9, 0x1fd0, 2, 1, 8, 0x1fe0, 2, 1, 8, 0x1fe5, 1, 1, 7,
  0x1ff3, 1, 1, 9, 0x214e, 1, 1, -28, 0x2170, 16, 1, -16, 0x2184, 1, 1, -1, 0x24d0, 26, 1, -26, 0x2c30, 47, 1, -48,
  0x2c61, 1, 1, -1, 0x2c65, 1, 1, -10795, 0x2c66, 1, 1, -10792, 0x2c68, 3, 2, -1, 0x2c73, 1, 1, -1, 0x2c76, 1, 1, -1,
  0x2c81, 50, 2, -1, 0x2d00, 38, 1, -7264, 0xa641, 16, 2, -1, 0xa663, 6, 2, -1, 0xa681, 12, 2, -1, 0xa723, 7, 2, -1,
  0xa733, 31, 2, -1, 0xa77a, 2, 2, -1, 0xa77f, 5, 2, -1, 0xa78c, 1, 1, -1, 0xff41, 26, 1, -32,
];

/** The contents of $UpCase of a new volume: the upper case of every UTF-16 unit. */
export function defaultUpcase(): Uint8Array {
  const data = new Uint8Array(UNITS * 2);
  const view = viewOf(data);
  for (let unit = 0; unit < UNITS; unit++) view.setUint16(unit * 2, unit, true);
  for (let at = 0; at < RUNS.length; at += 4) {
    const [first, count, step, add] = RUNS.slice(at, at + 4) as [number, number, number, number];
    for (let i = 0; i < count; i++) view.setUint16((first + i * step) * 2, first + i * step + add, true);
  }
  return data;
}

/** Value of the stream $Info of $UpCase: its length, the CRC-64 of the table above, and the Windows version, here none. */
export const UPCASE_INFO = Uint8Array.of(
  32,
  0,
  0,
  0,
  0,
  0,
  0,
  0,
  0x0c,
  0x69,
  0x1b,
  0x6b,
  0x77,
  0x7e,
  0xdc,
  0xda,
  ...new Uint8Array(16),
);
