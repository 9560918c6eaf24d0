"""A folder seen through a slow disk, for the cases that want one:

    ffs.py BEHIND MOUNTPOINT slowSECONDS

Each call that reads or writes waits first. Python's fusepy, root."""
import errno, os, sys, time

try:
    import fusepy as fuse  # as Debian calls it
except ImportError:
    import fuse


class Slow(fuse.Operations):
    def __init__(self, root, wait):
        self.root, self.wait = root, wait

    def at(self, path):
        return os.path.join(self.root, path.lstrip("/"))

    def slowly(self):
        time.sleep(self.wait)

    def access(self, path, mode):
        if not os.access(self.at(path), mode):
            raise fuse.FuseOSError(errno.EACCES)

    def getattr(self, path, fh=None):
        st = os.lstat(self.at(path))
        return {key: getattr(st, key) for key in (
            "st_atime", "st_ctime", "st_mtime", "st_gid", "st_uid", "st_mode", "st_nlink", "st_size", "st_ino")}

    def readdir(self, path, fh):
        return [".", ".."] + os.listdir(self.at(path))

    def readlink(self, path):
        return os.readlink(self.at(path))

    def statfs(self, path):
        st = os.statvfs(self.at(path))
        return {key: getattr(st, key) for key in (
            "f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_favail", "f_ffree", "f_files", "f_flag", "f_frsize", "f_namemax")}

    def mkdir(self, path, mode):
        self.slowly()
        os.mkdir(self.at(path), mode)

    def rmdir(self, path):
        os.rmdir(self.at(path))

    def unlink(self, path):
        self.slowly()
        os.unlink(self.at(path))

    def rename(self, old, new):
        self.slowly()
        os.rename(self.at(old), self.at(new))

    def link(self, target, source):
        os.link(self.at(source), self.at(target))

    def symlink(self, target, source):
        os.symlink(source, self.at(target))

    def chmod(self, path, mode):
        os.chmod(self.at(path), mode)

    def chown(self, path, uid, gid):
        os.chown(self.at(path), uid, gid)

    def utimens(self, path, times=None):
        os.utime(self.at(path), times)

    def open(self, path, flags):
        return os.open(self.at(path), flags)

    def create(self, path, mode, fi=None):
        self.slowly()
        return os.open(self.at(path), os.O_RDWR | os.O_CREAT, mode)

    def read(self, path, length, offset, fh):
        self.slowly()
        return os.pread(fh, length, offset)

    def write(self, path, data, offset, fh):
        self.slowly()
        return os.pwrite(fh, data, offset)

    def truncate(self, path, length, fh=None):
        os.truncate(self.at(path), length)

    def fsync(self, path, datasync, fh):
        self.slowly()
        os.fsync(fh)

    def flush(self, path, fh):
        pass

    def release(self, path, fh):
        os.close(fh)


if __name__ == "__main__":
    behind, mountpoint, how = sys.argv[1:4]
    fuse.FUSE(Slow(behind, float(how.removeprefix("slow") or 1)), mountpoint, foreground=True, nothreads=False)
