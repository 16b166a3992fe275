/** Names of a path; they are divided by backslashes, and empty ones count for nothing. */
export function splitPath(path: string): string[] {
  return path.split('\\').filter((name) => name !== '');
}
