#!/usr/bin/env node
import { TASKS } from '../cli/task-names.js';
import { launch } from './launch.js';

/** Put in by the bundler: the name of the program's first part. */
declare const VMCRAFT_PROGRAM: string;

launch(import.meta.dirname, VMCRAFT_PROGRAM, process.argv.slice(2).find((word) => TASKS.has(word)) ?? 'shell');
