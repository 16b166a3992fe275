"""Applies file operations to a kernel mount: one JSON object a line in, one answer a line out.

Started as `kernel-helper.py MOUNTPOINT`. Node has neither extended attributes nor mknod, so the tests speak to this instead.
"""

import ctypes
import errno
import hashlib
import json
import os
import stat
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
KEEP_SIZE, PUNCH_HOLE = 1, 2
PATTERN = bytes(range(1, 252)) * 8192
CHUNK = 1024
ROOT = os.fsencode(sys.argv[1])


def real(path):
    return ROOT + b"/" + os.fsencode(path) if path else ROOT


def content(op):
    length = op["length"]
    if op["seed"] < 0:
        return bytes(length)
    start = op["seed"] % 251
    return PATTERN[start : start + length]


def fallocate(path, mode, offset, length):
    fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if LIBC.fallocate(fd, mode, offset, length) != 0:
            raise OSError(ctypes.get_errno(), "fallocate")
    finally:
        os.close(fd)


def create(op):
    os.close(os.open(real(op["path"]), os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW, op["mode"]))


def write(op):
    fd = os.open(real(op["path"]), os.O_WRONLY | os.O_NOFOLLOW)
    try:
        data, at = content(op), op["offset"]
        while data:
            done = os.pwrite(fd, data, at)
            data, at = data[done:], at + done
    finally:
        os.close(fd)


def append(op):
    write({**op, "offset": os.lstat(real(op["path"])).st_size})


def mknod(op):
    os.mknod(real(op["path"]), op["mode"], os.makedev(op["major"], op["minor"]))


def utimens(op):
    times = (op["atime"][0] * 10**9 + op["atime"][1], op["mtime"][0] * 10**9 + op["mtime"][1])
    os.utime(real(op["path"]), ns=times, follow_symlinks=False)


def setxattr(op):
    os.setxattr(real(op["path"]), os.fsencode(op["name"]), bytes.fromhex(op["value"]), follow_symlinks=False)


def removexattr(op):
    os.removexattr(real(op["path"]), os.fsencode(op["name"]), follow_symlinks=False)


def bulk_create(op):
    for i in range(op["first"], op["first"] + op["count"]):
        create({"path": f"{op['path']}/{op['prefix']}{i}" if op["path"] else f"{op['prefix']}{i}", "mode": 0o644})


def bulk_unlink(op):
    for i in range(op["first"], op["first"] + op["count"], op["step"]):
        os.unlink(real(f"{op['path']}/{op['prefix']}{i}" if op["path"] else f"{op['prefix']}{i}"))


OPERATIONS = {
    "create": create,
    "write": write,
    "append": append,
    "truncate": lambda op: os.truncate(real(op["path"]), op["size"]),
    "unlink": lambda op: os.unlink(real(op["path"])),
    "mkdir": lambda op: os.mkdir(real(op["path"]), op["mode"]),
    "rmdir": lambda op: os.rmdir(real(op["path"])),
    "rename": lambda op: os.rename(real(op["path"]), real(op["to"])),
    "link": lambda op: os.link(real(op["path"]), real(op["to"]), follow_symlinks=False),
    "symlink": lambda op: os.symlink(os.fsencode(op["target"]), real(op["path"])),
    "mknod": mknod,
    "chmod": lambda op: os.chmod(real(op["path"]), op["mode"]),
    "chown": lambda op: os.lchown(real(op["path"]), op["uid"], op["gid"]),
    "utimens": utimens,
    "setxattr": setxattr,
    "removexattr": removexattr,
    "punch": lambda op: fallocate(real(op["path"]), PUNCH_HOLE | KEEP_SIZE, op["offset"], op["length"]),
    "allocate": lambda op: fallocate(real(op["path"]), 0, op["offset"], op["length"]),
    "bulkCreate": bulk_create,
    "bulkUnlink": bulk_unlink,
}


def digest(path, size):
    """Of the offsets and bytes of all chunks that are not zero, so that holes cost nothing."""
    total = hashlib.sha256()
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        at = 0
        while at < size:
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
                end = os.lseek(fd, at, os.SEEK_HOLE)
            except OSError as error:
                if error.errno == errno.ENXIO:
                    break
                raise
            at -= at % CHUNK
            while at < end:
                data = os.pread(fd, min(1 << 20, end - at + (-(end - at) % CHUNK)), at)
                if not data:
                    break
                for i in range(0, len(data), CHUNK):
                    piece = data[i : i + CHUNK]
                    if piece.count(0) != len(piece):
                        total.update(b"%d:" % (at + i) + piece)
                at += len(data)
    finally:
        os.close(fd)
    return total.hexdigest()


def entry(path, name):
    info = os.lstat(path)
    kind = stat.S_IFMT(info.st_mode)
    out = {
        "path": os.fsdecode(name),
        "mode": info.st_mode,
        "nlink": info.st_nlink,
        "uid": info.st_uid,
        "gid": info.st_gid,
        "atime": info.st_atime_ns.__str__(),
        "mtime": info.st_mtime_ns.__str__(),
        "xattrs": {
            os.fsdecode(key): os.getxattr(path, key, follow_symlinks=False).hex()
            for key in sorted(os.listxattr(path, follow_symlinks=False))
        },
    }
    if kind == stat.S_IFREG:
        out["size"], out["digest"] = info.st_size, digest(path, info.st_size)
    elif kind == stat.S_IFLNK:
        out["size"], out["target"] = info.st_size, os.fsdecode(os.readlink(path))
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        out["rdev"] = [os.major(info.st_rdev), os.minor(info.st_rdev)]
    return out


def sync():
    fd = os.open(ROOT, os.O_RDONLY)
    LIBC.syncfs(fd)
    os.close(fd)


def tree():
    """Synced first: SEEK_DATA misses pages of indirect files that have no block yet."""
    sync()
    out = [entry(ROOT, b"")]
    pending = [b""]
    while pending:
        folder = pending.pop()
        for name in os.listdir(ROOT + b"/" + folder):
            relative = folder + b"/" + name if folder else name
            out.append(entry(ROOT + b"/" + relative, relative))
            if stat.S_ISDIR(out[-1]["mode"]):
                pending.append(relative)
    return sorted(out, key=lambda e: e["path"])


def answer(op):
    if op["op"] == "tree":
        return {"tree": tree()}
    if op["op"] == "sync":
        sync()
        return {"code": "OK"}
    try:
        OPERATIONS[op["op"]](op)
        return {"code": "OK"}
    except OSError as error:
        code = errno.errorcode[error.errno]
        return {"code": "ENOTSUP" if code in ("EOPNOTSUPP", "ENOTSUP") else code}


os.umask(0)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
