export { type BackingChildOptions, findBackingChild } from './backing-child.js';
export { sideName } from './journal-place.js';
export type { StaleJournalPolicy } from './recovery.js';
export { RemoteDevice } from './remote-device.js';
export { TransactionalDevice } from './transactional-device.js';
export { type CommitSummary, TransactionalFiles, type TransactionOptions } from './transactional-files.js';
