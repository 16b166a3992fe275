/**
 * LVM2 volumes for VMCraft.
 * @packageDocumentation
 */
export {};
