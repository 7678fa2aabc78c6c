"""PostgreSQL refuses to run as root: find an unprivileged user and a place it can reach, loosening nothing."""

import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

USER = "attune-pg"
_MARKER = "LOCATION"


def unprivileged_user() -> pwd.struct_passwd | None:
    """Return whom the server runs as: None = ourselves, as root the user attune-pg (made if need be), else nobody."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        useradd = shutil.which("useradd") or shutil.which("useradd", path="/usr/sbin:/sbin")
        if useradd:
            command = [useradd, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", USER]
            subprocess.run(command, check=False, capture_output=True)
    try:
        return pwd.getpwnam(USER)
    except KeyError:
        return pwd.getpwnam("nobody")


def can_reach(path: Path, user: pwd.struct_passwd | None) -> bool:
    """Tell whether the user may enter every existing folder on the way to `path` (the path itself not counted)."""
    if user is None:
        return True
    groups = os.getgrouplist(user.pw_name, user.pw_gid)
    for folder in path.absolute().parents:
        if not folder.exists():
            continue
        status = folder.stat()
        bit = 0o100 if status.st_uid == user.pw_uid else 0o010 if status.st_gid in groups else 0o001
        if not status.st_mode & bit:
            return False
    return True


def reachable_place(wanted: Path, user: pwd.struct_passwd | None) -> Path:
    """Return `wanted`, or a place outside that the user can reach. The choice is written into the wanted folder.

    The substitute has a random name, kept in the file LOCATION: a home that is made anew never meets old data.
    """
    if can_reach(wanted, user):
        return wanted
    marker = wanted / _MARKER
    if marker.exists():
        return Path(marker.read_text().strip())
    wanted.mkdir(parents=True, exist_ok=True)
    place = _base(user) / secrets.token_hex(8) / "postgres"
    place.parent.mkdir(mode=0o711)
    marker.write_text(f"{place}\n")
    return place


def _base(user: pwd.struct_passwd | None) -> Path:
    for base in (Path("/var/lib/attune"), Path("/var/tmp/attune"), Path("/tmp/attune")):  # noqa: S108
        if not can_reach(base / "x", user):
            continue
        try:
            base.mkdir(mode=0o711, exist_ok=True)
        except OSError:
            continue
        if base.stat().st_uid == os.geteuid() and os.access(base, os.W_OK):
            return base
    raise PermissionError("no folder that an unprivileged user can reach: /var/lib, /var/tmp and /tmp are closed")


def own(folder: Path, user: pwd.struct_passwd | None) -> None:
    """Make the folder (0700) and give it, with what lies in it, to the user; nothing above it is touched."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    if user is None or folder.stat().st_uid == user.pw_uid:
        return
    for root, _, files in os.walk(folder):
        os.chown(root, user.pw_uid, user.pw_gid)
        for name in files:
            os.chown(Path(root, name), user.pw_uid, user.pw_gid, follow_symlinks=False)
