"""Power cuts: an ext4 filesystem on a loop device that is shut down without writing anything back, then mounted again.

What was not synced is gone, as after a real power cut; the filesystem's own journal is replayed at the next mount.
"""

import fcntl
import os
import pathlib
import signal
import struct
import subprocess
import tempfile
import time

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2


class Unavailable(Exception):
    """Power cuts cannot be simulated here; the text says why."""


def run(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(command)}: {done.stdout.strip()}")


def stop(pid):
    """No thread of the process runs its own code any more; those inside a system call may finish that."""
    os.kill(pid, signal.SIGSTOP)

    def is_running():
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            try:
                state = (task / "stat").read_text().rsplit(") ", 1)[1][0]
            except FileNotFoundError:
                continue
            if state not in "TDZX":
                return True
        return False

    end = time.monotonic() + 60
    while is_running():
        if time.monotonic() > end:
            raise Unavailable("the daemon cannot be stopped")


class Disk:
    """A filesystem of one's own on which the power can fail."""

    def __init__(self, directory, mib=192):
        if os.geteuid() != 0:
            raise Unavailable("mounting takes root")
        self.image = directory / "disk.img"
        self.mount_point = directory / "disk"
        self.mount_point.mkdir()
        self.is_mounted = False
        with open(self.image, "wb") as image:
            image.truncate(mib << 20)
        # Without lazy initialisation nothing writes to the disk but what is under test.
        run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.image))
        self.mount()

    def mount(self):
        run("mount", "-t", "ext4", "-o", "loop", str(self.image), str(self.mount_point))
        self.is_mounted = True

    def cut(self, pid, end_of_life):
        """The power fails for the disk and the process; end_of_life() buries the process; then the power is back.

        The process is stopped first: a sync that is inside the kernel when the filesystem is shut down may come back with success
        although its journal transaction was thrown away, and a machine without power answers nobody.
        """
        handle = os.open(self.mount_point, os.O_RDONLY | os.O_DIRECTORY)
        try:
            if pid is not None:
                stop(pid)
            fcntl.ioctl(handle, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        except OSError as error:
            raise Unavailable(f"the filesystem cannot be shut down: {error.strerror}") from None
        finally:
            os.close(handle)
        end_of_life()
        self.umount()
        self.mount()

    def umount(self):
        if self.is_mounted:
            run("umount", str(self.mount_point))
            self.is_mounted = False


def fast_place(mib=256):
    """A directory in memory for the disk's image, which only spares the machine's own disk; None without room for it."""
    shm = "/dev/shm"
    try:
        free = os.statvfs(shm)
        if free.f_bavail * free.f_frsize < mib << 20:
            return None
        return pathlib.Path(tempfile.mkdtemp(prefix="roadstead-disk-", dir=shm))
    except OSError:
        return None


def try_out(directory):
    """A disk that was seen to work, or Unavailable."""
    disk = Disk(directory)
    try:
        (disk.mount_point / "lost").write_text("never synced")
        disk.cut(None, lambda: None)
        if (disk.mount_point / "lost").exists():
            raise Unavailable("what was never synced survives a shutdown of the filesystem here")
    except BaseException:
        disk.umount()
        raise
    return disk
