/**
 * Partition tables: MBR with EBR chains and GPT read, made and edited; BSD, Sun and Apple labels read; others named.
 *
 * @packageDocumentation
 */
export type { Placement } from './edit-arguments.js';
export {
  editPartitionTable,
  initPartitionTable,
  openTableEditor,
  type PartitionTableEditor,
  partitionTableType,
  partitionWholeDisk,
  requireGpt,
  requireMbr,
} from './edit-table.js';
export { GptEditor } from './gpt-editor.js';
export { formatPartitionTable } from './listing.js';
export { MbrEditor } from './mbr-editor.js';
export { readPartitionTable } from './read-table.js';
export { GUID_TYPE, guidOfMbrType } from './type-guids.js';
export { partitionTypeName } from './type-names.js';
export type { Partition, PartitionKind, PartitionTable, PartitionTableType, ReadTableOptions } from './types.js';
