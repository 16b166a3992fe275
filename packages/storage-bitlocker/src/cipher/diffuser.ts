/** Rotations of diffusers A and B, and their rounds: N. Ferguson, "AES-CBC + Elephant diffuser", section 4. */
const A = { rotations: [9, 0, 13, 0], rounds: 5 } as const;
const B = { rotations: [0, 10, 0, 25], rounds: 3 } as const;

/** Undo both diffusers on one sector, words as little-endian numbers: B first, as A came first. */
export function undiffuse(words: Uint32Array): void {
  const count = words.length;
  for (let round = 0; round < B.rounds; round++) {
    for (let i = 0; i < count; i++) {
      const far = words[(i + 5) % count]!;
      const turn = B.rotations[i & 3]!;
      words[i]! += words[(i + 2) % count]! ^ ((far << turn) | (far >>> ((32 - turn) & 31)));
    }
  }
  for (let round = 0; round < A.rounds; round++) {
    for (let i = 0; i < count; i++) {
      const far = words[(i + count - 5) % count]!;
      const turn = A.rotations[i & 3]!;
      words[i]! += words[(i + count - 2) % count]! ^ ((far << turn) | (far >>> ((32 - turn) & 31)));
    }
  }
}
