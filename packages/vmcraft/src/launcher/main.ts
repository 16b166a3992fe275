#!/usr/bin/env node
import { TASKS } from '../cli/task-names.js';
import { launch } from './launch.js';

/** Put in by the bundler: the name of the program's first part. */
declare const VMCRAFT_PROGRAM: string;

// V8 would let the space of new objects grow to tens of megabytes, which a short run pays for in memory and hardly gets back in time.
process.getBuiltinModule('node:v8').setFlagsFromString('--semi-space-growth-factor=1');
launch(import.meta.dirname, VMCRAFT_PROGRAM, process.argv.slice(2).find((word) => TASKS.has(word)) ?? 'shell');
