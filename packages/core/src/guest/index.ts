export * from './action.js';
export { ActionTable } from './action-table.js';
export type { Session } from './session.js';
export { type StructFieldType, type StructName, type StructValue, structs } from './structs.js';
