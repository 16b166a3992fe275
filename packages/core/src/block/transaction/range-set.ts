/** A set of integers kept as sorted, disjoint, non-touching runs [start, end). */
export class RangeSet {
  /** start, end, start, end … */
  #bounds: number[] = [];

  get isEmpty(): boolean {
    return this.#bounds.length === 0;
  }

  /** How many integers are in the set. */
  get total(): number {
    let sum = 0;
    for (let i = 0; i < this.#bounds.length; i += 2) sum += this.#bounds[i + 1]! - this.#bounds[i]!;
    return sum;
  }

  has(value: number): boolean {
    return this.#countUpTo(value) % 2 === 1;
  }

  add(start: number, end: number): void {
    this.#replace(start, end, true);
  }

  remove(start: number, end: number): void {
    this.#replace(start, end, false);
  }

  clear(): void {
    this.#bounds = [];
  }

  /** The runs in order. */
  *runs(): Generator<readonly [start: number, end: number]> {
    for (let i = 0; i < this.#bounds.length; i += 2) yield [this.#bounds[i]!, this.#bounds[i + 1]!];
  }

  /** How many bounds are at or below `value`; odd means that it lies within a run. */
  #countUpTo(value: number): number {
    let low = 0;
    let high = this.#bounds.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#bounds[middle]! <= value) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #replace(start: number, end: number, member: boolean): void {
    if (start >= end) return;
    // Bounds strictly before `start`, and bounds after `end`, stay; touching runs are joined.
    const from = this.#countUpTo(start - 1);
    const to = this.#countUpTo(end);
    const added: number[] = [];
    if ((from % 2 === 1) !== member) added.push(start);
    if ((to % 2 === 1) !== member) added.push(end);
    this.#bounds.splice(from, to - from, ...added);
  }
}
