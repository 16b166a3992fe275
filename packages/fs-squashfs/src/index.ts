/**
 * SquashFS for VMCraft, read.
 * @packageDocumentation
 */
export {};
