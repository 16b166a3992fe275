"""One mounted file system by path: every path is walked one component at a time from its root, and no link is ever followed."""

import errno
import os
import stat
from collections import OrderedDict

from . import linux
from .frames import to_bytes, to_text

DIRECTORIES = 256
FILES = 64
BATCH = 2000
MAX_DEPTH = 1000
O_PATH = os.O_PATH


class FdCache:
    """Open descriptors, least recently used ones closed."""

    def __init__(self, limit):
        self.limit = limit
        self.fds = OrderedDict()

    def get(self, key):
        fd = self.fds.get(key)
        if fd is not None:
            self.fds.move_to_end(key)
        return fd

    def put(self, key, fd):
        self.fds[key] = fd
        while len(self.fds) > self.limit:
            os.close(self.fds.popitem(last=False)[1])
        return fd

    def clear(self):
        for fd in self.fds.values():
            os.close(fd)
        self.fds.clear()


class Tree:
    def __init__(self, root):
        self.root = os.open(root, O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self.directories = FdCache(DIRECTORIES)
        self.files = FdCache(FILES)

    def close(self):
        self.forget()
        os.close(self.root)

    def forget(self):
        """Names moved, or something else changed the tree: walk again from the root."""
        self.directories.clear()
        self.files.clear()

    def directory(self, path):
        """A descriptor of a directory, given the names that lead to it."""
        if not path:
            return self.root
        found = self.directories.get(path)
        if found is not None:
            return found
        flags = O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        above = self.directories.get(path[:-1])
        if above is not None:
            return self.directories.put(path, os.open(checked(path[-1]), flags, dir_fd=above))
        # No recursion: a guest may have folders deeper than Python's stack.
        fd = os.dup(self.root)
        for name in path:
            above = fd
            try:
                fd = os.open(checked(name), flags, dir_fd=above)
            finally:
                os.close(above)
        return self.directories.put(path, fd)

    def parent(self, path):
        if not path:
            raise OSError(errno.EBUSY, 'the root has no name')
        return self.directory(path[:-1]), checked(path[-1])

    def object(self, path):
        """A new O_PATH descriptor of whatever lies there."""
        if not path:
            return os.dup(self.root)
        parent, name = self.parent(path)
        return os.open(name, O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)

    def file(self, path, writable=False):
        key = (path, writable)
        found = self.files.get(key)
        if found is not None:
            return found
        if not path:
            raise OSError(errno.EISDIR, 'a directory')
        parent, name = self.parent(path)
        # A fifo or a device must never be opened: look first, and nothing else changes this tree.
        kind = stat.S_IFMT(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
        if kind == stat.S_IFDIR:
            raise OSError(errno.EISDIR, 'a directory')
        if kind != stat.S_IFREG:
            raise OSError(errno.EINVAL, 'not a regular file')
        access = os.O_RDWR if writable else os.O_RDONLY
        flags = access | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
        try:
            fd = os.open(name, flags | os.O_NOATIME, dir_fd=parent)
        except PermissionError:
            fd = os.open(name, flags, dir_fd=parent)
        return self.files.put(key, fd)

    # What the other side asks for. Each takes the message and its bytes, and gives a result and bytes.

    def stat(self, m, _data):
        path = path_of(m['path'])
        if not path:
            return describe(os.fstat(self.root))
        parent, name = self.parent(path)
        return describe(os.stat(name, dir_fd=parent, follow_symlinks=False))

    def lookup(self, m, _data):
        try:
            return self.stat(m, _data)
        except FileNotFoundError:
            return None

    def readdir(self, m, _data):
        fd = os.open('.', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.directory(path_of(m['path'])))
        try:
            batch = []
            with os.scandir(fd) as entries:
                for entry in entries:
                    batch.append([to_text(os.fsencode(entry.name)), entry.inode(), kind_of(entry)])
                    if len(batch) == BATCH:
                        yield batch
                        batch = []
            yield batch
        finally:
            os.close(fd)

    def unlabelled(self, m, _data):
        """What has changed since a time and lacks an attribute, in all of the tree."""
        since, name, batch, left = m['since'] * 1_000_000, to_bytes(m['name']), [], [()]
        while left:
            path = left.pop()
            if len(path) > MAX_DEPTH:
                raise OSError(errno.ENAMETOOLONG, 'a very deep tree')
            fd = os.open('.', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.directory(path))
            try:
                with os.scandir(fd) as entries:
                    for entry in entries:
                        at = os.fsencode(entry.name)
                        seen = entry.stat(follow_symlinks=False)
                        if stat.S_ISDIR(seen.st_mode):
                            left.append((*path, at))
                        if seen.st_ctime_ns >= since and not has_attribute(fd, at, name):
                            batch.append([[to_text(part) for part in (*path, at)], seen.st_mode])
            finally:
                os.close(fd)
            if len(batch) >= BATCH:
                yield batch
                batch = []
        yield batch

    def readlink(self, m, _data):
        if not m['path']:
            raise OSError(errno.EINVAL, 'the root is no link')
        parent, name = self.parent(path_of(m['path']))
        return to_text(os.readlink(name, dir_fd=parent))

    def read(self, m, _data):
        fd = self.file(path_of(m['path']))
        parts, offset, left = [], m['offset'], m['length']
        while left > 0:
            part = os.pread(fd, left, offset)
            if not part:
                break
            parts.append(part)
            offset += len(part)
            left -= len(part)
        return None, b''.join(parts)

    def statfs(self, _m, _data):
        s = os.fstatvfs(self.root)
        return {
            'bsize': s.f_bsize, 'frsize': s.f_frsize, 'blocks': s.f_blocks, 'bfree': s.f_bfree, 'bavail': s.f_bavail,
            'files': s.f_files, 'ffree': s.f_ffree, 'fsid': str(s.f_fsid), 'namemax': s.f_namemax,
        }

    def create(self, m, _data):
        parent, name = self.parent(path_of(m['path']))
        mode = m['mode']
        kind, permissions = stat.S_IFMT(mode), stat.S_IMODE(mode)
        if kind == stat.S_IFLNK:
            os.symlink(to_bytes(m['target']), name, dir_fd=parent)
        elif kind == stat.S_IFDIR:
            os.mkdir(name, 0o700, dir_fd=parent)
        elif kind == stat.S_IFREG:
            os.close(os.open(name, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=parent))
        else:
            os.mknod(name, kind | 0o600, os.makedev(*m.get('rdev', [0, 0])), dir_fd=parent)
        os.chown(name, m.get('uid', 0), m.get('gid', 0), dir_fd=parent, follow_symlinks=False)
        if kind != stat.S_IFLNK:
            self._chmod(parent, name, permissions)
        return describe(os.stat(name, dir_fd=parent, follow_symlinks=False))

    def _chmod(self, parent, name, permissions):
        fd = os.open(name, O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            if not stat.S_ISLNK(os.fstat(fd).st_mode):
                os.chmod(f'/proc/self/fd/{fd}', permissions)
        finally:
            os.close(fd)

    def link(self, m, _data):
        parent, name = self.parent(path_of(m['path']))
        to_parent, to_name = self.parent(path_of(m['to']))
        os.link(name, to_name, src_dir_fd=parent, dst_dir_fd=to_parent, follow_symlinks=False)

    def unlink(self, m, _data):
        parent, name = self.parent(path_of(m['path']))
        if stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode):
            raise OSError(errno.EISDIR, 'a directory')
        self.files.clear()
        os.unlink(name, dir_fd=parent)

    def rmdir(self, m, _data):
        parent, name = self.parent(path_of(m['path']))
        os.rmdir(name, dir_fd=parent)
        self.forget()

    def rename(self, m, _data):
        parent, name = self.parent(path_of(m['path']))
        to_parent, to_name = self.parent(path_of(m['to']))
        os.rename(name, to_name, src_dir_fd=parent, dst_dir_fd=to_parent)
        self.forget()

    def write(self, m, data):
        fd = self.file(path_of(m['path']), True)
        view, offset = memoryview(data), m['offset']
        while len(view) > 0:
            count = os.pwrite(fd, view, offset)
            view, offset = view[count:], offset + count

    def truncate(self, m, _data):
        os.ftruncate(self.file(path_of(m['path']), True), m['size'])

    def setattr(self, m, _data):
        path = path_of(m['path'])
        fd = self.object(path)
        try:
            at = f'/proc/self/fd/{fd}'
            now = os.fstat(fd)
            is_link = stat.S_ISLNK(now.st_mode)
            if 'uid' in m or 'gid' in m:
                os.chown(at, m.get('uid', -1), m.get('gid', -1))
            if 'mode' in m and not is_link:
                os.chmod(at, stat.S_IMODE(m['mode']))
            if 'atime' in m or 'mtime' in m:
                times = (nanoseconds(m.get('atime'), now.st_atime_ns), nanoseconds(m.get('mtime'), now.st_mtime_ns))
                os.utime(at, ns=times)
        finally:
            os.close(fd)

    def _by_descriptor(self, path, work):
        fd = self.object(path_of(path))
        try:
            return work(f'/proc/self/fd/{fd}')
        finally:
            os.close(fd)

    def listxattr(self, m, _data):
        return self._by_descriptor(m['path'], lambda at: [to_text(os.fsencode(name)) for name in os.listxattr(at)])

    def getxattr(self, m, _data):
        try:
            return True, self._by_descriptor(m['path'], lambda at: os.getxattr(at, to_bytes(m['name'])))
        except OSError as error:
            if error.errno == errno.ENODATA:
                return False, b''
            raise

    def setxattr(self, m, data):
        self._by_descriptor(m['path'], lambda at: os.setxattr(at, to_bytes(m['name']), data))

    def removexattr(self, m, _data):
        self._by_descriptor(m['path'], lambda at: os.removexattr(at, to_bytes(m['name'])))

    def extents(self, m, _data):
        fd = self.file(path_of(m['path']))
        size = os.fstat(fd).st_size
        runs, at = [], 0
        while at < size and len(runs) < 1_000_000:
            try:
                data = os.lseek(fd, at, os.SEEK_DATA)
            except OSError as error:
                if error.errno != errno.ENXIO:
                    raise
                data = size
            hole = os.lseek(fd, data, os.SEEK_HOLE) if data < size else size
            runs.append([at, data, hole])
            at = hole
        return {'size': size, 'runs': runs}

    def allocate(self, m, _data):
        linux.fallocate(self.file(path_of(m['path']), True), 0, m['offset'], m['length'])

    def punch(self, m, _data):
        flags = linux.FALLOC_FL_PUNCH_HOLE | linux.FALLOC_FL_KEEP_SIZE
        linux.fallocate(self.file(path_of(m['path']), True), flags, m['offset'], m['length'])

    def sync(self, _m, _data):
        fd = os.open('.', os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.root)
        try:
            linux.syncfs(fd)
        finally:
            os.close(fd)


def checked(name):
    if name in (b'', b'.', b'..') or b'/' in name or b'\0' in name:
        raise OSError(errno.EINVAL, 'not a name')
    return name


def path_of(names):
    return tuple(to_bytes(name) for name in names)


def nanoseconds(time, otherwise):
    return otherwise if time is None else time[0] * 1_000_000_000 + time[1]


def kind_of(entry):
    try:
        if entry.is_symlink():
            return 'l'
        if entry.is_dir(follow_symlinks=False):
            return 'd'
        return 'r' if entry.is_file(follow_symlinks=False) else 'u'
    except OSError:
        return 'u'


def describe(s):
    time = lambda ns: [ns // 1_000_000_000, ns % 1_000_000_000]
    return {
        'ino': s.st_ino, 'dev': s.st_dev, 'mode': s.st_mode, 'nlink': s.st_nlink, 'uid': s.st_uid, 'gid': s.st_gid, 'size': s.st_size,
        'rdev': [os.major(s.st_rdev), os.minor(s.st_rdev)], 'blocks': s.st_blocks, 'bsize': s.st_blksize,
        'atime': time(s.st_atime_ns), 'mtime': time(s.st_mtime_ns), 'ctime': time(s.st_ctime_ns),
    }


def has_attribute(folder, entry, name):
    try:
        os.getxattr(b'/proc/self/fd/%d/%s' % (folder, entry), name, follow_symlinks=False)
        return True
    except OSError as error:
        if error.errno == errno.ENODATA:
            return False
        raise
