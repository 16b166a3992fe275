/**
 * Order in which changed metadata reaches the file. A table must not point at what is not there yet, and no cluster may be in use before it
 * is counted, so that whatever interrupts the writing leaves at worst clusters that are counted and not used.
 */
export const RANK = {
  refcountBlock: 1,
  refcountTable: 2,
  l2: 3,
  l1: 4,
} as const;
