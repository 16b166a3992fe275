/**
 * NTFS for VMCraft, read and write.
 * @packageDocumentation
 */
export {};
