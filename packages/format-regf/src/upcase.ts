/**
 * Units that Windows leaves as they are although later versions of Unicode give them an upper case, and those whose
 * upper case is another letter's. Ranges of hexadecimal code units.
 */
const UNCHANGED =
  'b5,131,17f,19b,1c5,1c8,1cb,1f2,23f-240,252,25c,261,264-266,26a,26c,282,287,29d-29e,345,3c2,3d0-3d1,3d5-3d6,3f0-3f1,' +
  '3f3,3f5,525-52f,10d0-10ff,13f8-13fd,1c80-1cbf,1d8e,1e9b,1fbe,2c5f,2cec-2cee,2cf3,2d27-2d2d,a661,a699-a69b,a791-a7ff,' +
  'ab53-abbf,d800-dfff';
/** Letters with iota subscript have their title case as upper case: `first-last+distance`. */
const TITLE = '1f80-1f87+8,1f90-1f97+8,1fa0-1fa7+8,1fb3-1fb3+9,1fc3-1fc3+9,1ff3-1ff3+9';

let table: Uint16Array | undefined;

function build(): Uint16Array {
  const units = new Uint16Array(65536);
  for (let unit = 0; unit < units.length; unit++) {
    const upper = String.fromCharCode(unit).toUpperCase();
    units[unit] = upper.length === 1 ? upper.charCodeAt(0) : unit;
  }
  for (const range of UNCHANGED.split(',')) {
    const [first, last = first] = range.split('-').map((hex) => Number.parseInt(hex, 16)) as [number, number?];
    for (let unit = first; unit <= last; unit++) units[unit] = unit;
  }
  for (const range of TITLE.split(',')) {
    const [, first, last, distance] = /^(\w+)-(\w+)\+(\d)$/.exec(range)!;
    for (let unit = Number.parseInt(first!, 16); unit <= Number.parseInt(last!, 16); unit++) {
      units[unit] = unit + Number(distance);
    }
  }
  return units;
}

/** Upper case of one UTF-16 unit, as Windows (Vista and later) has it. */
export function upcaseUnit(unit: number): number {
  if (unit < 0x80) return unit >= 0x61 && unit <= 0x7a ? unit - 32 : unit;
  table ??= build();
  return table[unit]!;
}

/** Upper case of text, unit by unit: its length never changes. */
export function upcase(text: string): string {
  let out = '';
  for (let i = 0; i < text.length; i++) out += String.fromCharCode(upcaseUnit(text.charCodeAt(i)));
  return out;
}

/** The order of subkeys: by upper-cased code units, a shorter name before a longer one. Section "Index leaf". */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    const difference = upcaseUnit(x) - upcaseUnit(y);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Whether Windows takes two names for the same. */
export function sameName(a: string, b: string): boolean {
  return a.length === b.length && compareNames(a, b) === 0;
}
