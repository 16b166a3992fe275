import type { FileTree, UserInfo } from '@vmcraft/core';

/** Accounts of passwd(5), in file order; malformed lines are left out. */
export async function readUsers(tree: FileTree): Promise<readonly UserInfo[]> {
  const users: UserInfo[] = [];
  for (const line of (await tree.lines('/etc/passwd')) ?? []) {
    const fields = line.split(':');
    if (fields.length < 7 || !/^\d+$/.test(fields[2] as string)) continue;
    const [name, , uid, gid, comment, home, shell] = fields as [string, string, string, string, string, string, string];
    users.push({
      name,
      uid: Number(uid),
      gid: Number(gid),
      home,
      shell,
      ...(comment === '' ? {} : { comment: comment.replace(/,+$/, '') }),
    });
  }
  return users;
}
