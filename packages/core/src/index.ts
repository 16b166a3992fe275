/**
 * Contracts, errors, binary structures and block plumbing: what a VMCraft plugin needs.
 *
 * @packageDocumentation
 */
export * from './binary/index.js';
export * from './block/index.js';
export * from './contracts/index.js';
export * from './errors/index.js';
