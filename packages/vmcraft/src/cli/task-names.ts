/** Task commands; tested against the declarations in tasks/program.ts. */
export const TASKS: ReadonlySet<string> = new Set([
  'inspect',
  'filesystems',
  'df',
  'ls',
  'cat',
  'copy-in',
  'copy-out',
  'tar-in',
  'tar-out',
  'doctor',
  'plugins',
  'help',
]);
