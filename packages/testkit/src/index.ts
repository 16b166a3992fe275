export { findTool, requireTools } from './tools.js';
