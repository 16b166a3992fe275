import { CorruptImageError } from '@vmcraft/core';

/** A place that guest data must never be written to. */
export interface GuardedPlace {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
}

/** Refuses writes of guest clusters and L2 tables that a broken image would send onto its own header or top-level tables. */
export class MetadataGuard {
  readonly #places: () => readonly GuardedPlace[];

  /** @param places called for every check: tables move */
  constructor(places: () => readonly GuardedPlace[]) {
    this.#places = places;
  }

  /** @throws CorruptImageError when [offset, offset + length) touches a guarded place */
  check(offset: number, length: number): void {
    for (const place of this.#places()) {
      if (offset < place.offset + place.length && place.offset < offset + length) {
        const reason = `a guest cluster at ${offset} lies on the ${place.name}`;
        throw new CorruptImageError({ structure: 'qcow2.l2Entry', field: 'offset', found: offset, reason });
      }
    }
  }
}
