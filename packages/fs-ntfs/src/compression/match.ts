/** Repeat `length` bytes that lie `distance` bytes before `at`; the two runs may overlap. The caller has checked the bounds. */
export function copyMatch(target: Uint8Array, at: number, distance: number, length: number): void {
  if (distance === 1) target.fill(target[at - 1]!, at, at + length);
  else if (distance >= length && length > 24) target.copyWithin(at, at - distance, at - distance + length);
  else for (let to = at, from = at - distance, end = at + length; to < end; ) target[to++] = target[from++]!;
}
