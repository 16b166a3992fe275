/**
 * Windows registry hives for VMCraft, read and write.
 * @packageDocumentation
 */
export {};
