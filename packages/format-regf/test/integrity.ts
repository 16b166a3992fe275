import type { Hive } from '../src/index.js';

/** Everything that is wrong with the structure of a hive, found by its own reading of the bytes, apart from the code under test. */
export async function problems(hive: Hive): Promise<string[]> {
  return new Structure(await hive.bytes()).check();
}

const NONE = 0xffffffff;
const BASE = 4096;

class Structure {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #allocated = new Map<number, number>();
  readonly #used = new Set<number>();
  readonly #securityCounts = new Map<number, number>();
  readonly #problems: string[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  check(): string[] {
    this.#checkBase();
    this.#checkBins();
    this.#checkKey(this.#view.getUint32(36, true), undefined);
    this.#checkSecurity();
    for (const cell of this.#allocated.keys()) if (!this.#used.has(cell)) this.#report(`cell ${cell} is lost`);
    return this.#problems;
  }

  #report(text: string): void {
    if (this.#problems.length < 20) this.#problems.push(text);
  }

  #u32 = (cell: number, at: number): number => this.#view.getUint32(BASE + cell + 4 + at, true);
  #u16 = (cell: number, at: number): number => this.#view.getUint16(BASE + cell + 4 + at, true);
  #tag = (cell: number): string => String.fromCharCode(...this.#bytes.subarray(BASE + cell + 4, BASE + cell + 6));

  #checkBase(): void {
    let sum = 0;
    for (let at = 0; at < 508; at += 4) sum ^= this.#view.getUint32(at, true);
    if (sum >>> 0 !== this.#view.getUint32(508, true)) this.#report('checksum of the base block');
    if (this.#view.getUint32(4, true) !== this.#view.getUint32(8, true)) this.#report('sequence numbers');
    if (this.#view.getUint32(40, true) + BASE !== this.#bytes.length) this.#report('size of the bins');
  }

  #checkBins(): void {
    let start = 0;
    while (start + BASE < this.#bytes.length) {
      const size = this.#view.getUint32(BASE + start + 8, true);
      if (this.#view.getUint32(BASE + start, true) !== 0x6e696268) throw new Error(`no bin at ${start}`);
      if (this.#view.getUint32(BASE + start + 4, true) !== start || size % 4096 !== 0) this.#report(`bin at ${start}`);
      let wasFree = false;
      let cell = start + 32;
      while (cell < start + size) {
        const length = this.#view.getInt32(BASE + cell, true);
        if (length === 0 || length % 8 !== 0) throw new Error(`cell ${cell} of ${length}`);
        if (length > 0 && wasFree) this.#report(`free cells side by side at ${cell}`);
        if (length < 0) this.#allocated.set(cell, -length);
        wasFree = length > 0;
        cell += Math.abs(length);
      }
      if (cell !== start + size) this.#report(`cells of the bin at ${start} end at ${cell}`);
      start += size;
    }
  }

  /** Note that a cell is in use, once; returns whether it is one. */
  #use(cell: number, length: number, what: string): boolean {
    const size = this.#allocated.get(cell);
    if (size === undefined || size - 4 < length) {
      this.#report(`${what}: cell ${cell} of ${size} for ${length} bytes`);
      return false;
    }
    if (this.#used.has(cell)) this.#report(`${what}: cell ${cell} used twice`);
    this.#used.add(cell);
    return true;
  }

  #text(cell: number, at: number, length: number, isLatin: boolean): string {
    const data = this.#bytes.subarray(BASE + cell + 4 + at, BASE + cell + 4 + at + length);
    return Buffer.from(data).toString(isLatin ? 'latin1' : 'utf16le');
  }

  #keyName = (cell: number): string => this.#text(cell, 76, this.#u16(cell, 72), (this.#u16(cell, 2) & 0x20) !== 0);

  #checkKey(cell: number, parent: number | undefined): void {
    if (!this.#use(cell, 76, 'key')) return;
    if (this.#tag(cell) !== 'nk') this.#report(`key ${cell}`);
    if (parent !== undefined && this.#u32(cell, 16) !== parent) this.#report(`parent of key ${cell}`);
    const security = this.#u32(cell, 44);
    this.#securityCounts.set(security, (this.#securityCounts.get(security) ?? 0) + 1);
    const classLength = this.#u16(cell, 74);
    if (classLength > 0) this.#use(this.#u32(cell, 48), classLength, 'class name');
    this.#checkValues(cell);
    const subkeys = this.#subkeys(cell);
    if (subkeys.length !== this.#u32(cell, 20)) this.#report(`count of subkeys of ${cell}`);
    const names = subkeys.map((subkey) => this.#keyName(subkey));
    for (const [i, name] of names.entries()) {
      const before = names[i - 1];
      if (before !== undefined && before.toUpperCase() >= name.toUpperCase()) this.#report(`${before} before ${name}`);
      if (name.length * 2 > this.#u16(cell, 52)) this.#report(`largest subkey name of ${cell}`);
    }
    for (const subkey of subkeys) this.#checkKey(subkey, cell);
  }

  #subkeys(key: number): number[] {
    const list = this.#u32(key, 28);
    if (this.#u32(key, 20) === 0) {
      if (list !== NONE) this.#report(`list of no subkeys at ${key}`);
      return [];
    }
    if (this.#tag(list) !== 'ri') return this.#leaf(list);
    const count = this.#u16(list, 2);
    if (count < 2) this.#report(`index root of ${count}`);
    this.#use(list, 4 + count * 4, 'index root');
    return Array.from({ length: count }, (_, i) => this.#leaf(this.#u32(list, 4 + i * 4))).flat();
  }

  #leaf(list: number): number[] {
    const [tag, count] = [this.#tag(list), this.#u16(list, 2)];
    const stride = tag === 'li' ? 4 : 8;
    if (!['li', 'lf', 'lh'].includes(tag) || count === 0 || count * stride > 4056 + 4000)
      this.#report(`leaf ${tag} ${count}`);
    this.#use(list, 4 + count * stride, 'leaf');
    return Array.from({ length: count }, (_, i) => {
      const key = this.#u32(list, 4 + i * stride);
      if (tag === 'lh') this.#checkHash(key, this.#u32(list, 8 + i * stride));
      return key;
    });
  }

  #checkHash(key: number, hash: number): void {
    let expected = 0;
    // Characters whose upper case Windows and JavaScript see differently are left out of the names that tests make.
    for (const unit of this.#keyName(key).toUpperCase().split(''))
      expected = (Math.imul(expected, 37) + unit.charCodeAt(0)) >>> 0;
    if (expected !== hash) this.#report(`hash of key ${key}`);
  }

  #checkValues(key: number): void {
    const count = this.#u32(key, 36);
    if (count === 0) return;
    const list = this.#u32(key, 40);
    this.#use(list, count * 4, 'value list');
    for (let i = 0; i < count; i++) this.#checkValue(key, this.#u32(list, i * 4));
  }

  #checkValue(key: number, value: number): void {
    const nameLength = this.#u16(value, 2);
    this.#use(value, 20 + nameLength, 'value');
    if (this.#tag(value) !== 'vk') this.#report(`value ${value}`);
    const isLatin = (this.#u16(value, 16) & 1) !== 0;
    if (nameLength * (isLatin ? 2 : 1) > this.#u32(key, 60)) this.#report(`largest value name of ${key}`);
    const size = this.#u32(value, 4);
    if (size >= 0x80000000) return;
    if (size > this.#u32(key, 64)) this.#report(`largest value data of ${key}`);
    if (size === 0) return;
    const data = this.#u32(value, 8);
    if (size <= 16344 || this.#view.getUint32(24, true) <= 3) {
      this.#use(data, size, 'data');
      return;
    }
    this.#use(data, 8, 'big data');
    const segments = this.#u16(data, 2);
    if (this.#tag(data) !== 'db' || segments !== Math.ceil(size / 16344)) this.#report(`big data of ${value}`);
    this.#use(this.#u32(data, 4), segments * 4, 'segments');
    for (let i = 0; i < segments; i++) {
      this.#use(this.#u32(this.#u32(data, 4), i * 4), Math.min(16344, size - i * 16344), 'segment');
    }
  }

  #checkSecurity(): void {
    const [first] = this.#securityCounts.keys();
    const ring = new Set<number>();
    for (let cell = first!; !ring.has(cell); cell = this.#u32(cell, 4)) {
      ring.add(cell);
      this.#use(cell, 20 + this.#u32(cell, 16), 'security');
      if (this.#u32(this.#u32(cell, 4), 8) !== cell) this.#report(`ring at ${cell}`);
      const count = this.#securityCounts.get(cell) ?? 0;
      if (this.#u32(cell, 12) !== count) this.#report(`security ${cell}: ${this.#u32(cell, 12)} for ${count} keys`);
    }
    for (const cell of this.#securityCounts.keys())
      if (!ring.has(cell)) this.#report(`security ${cell} not in the ring`);
  }
}
