"""What the machine has, and how sizes are told."""

import math
import os
from pathlib import Path


def memory_bytes(
    record: Path = Path("/proc/self/cgroup"), groups: Path = Path("/sys/fs/cgroup")
) -> int:
    """Memory for this process and those beside it: the machine's, or less in a control group.

    Containers and schedulers limit memory by such groups (version 2); that of this process is
    named in `record`, and it and those around it are folders in `groups`.
    """
    limit = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    for own in (groups / line[4:] for line in lines if line.startswith("0::/")):
        for file in (folder / "memory.max" for folder in (own, *own.parents)):
            text = file.read_text(encoding="utf-8").strip() if file.is_file() else "max"
            limit = min(limit, math.inf if text == "max" else int(text))
    return limit


def size_text(count: float) -> str:
    """Of so many bytes, for people: 1610612736 -> "1.5 GiB"."""
    for unit in ("B", "KiB", "MiB"):
        if count < 999.5:  # What three digits round to less than 1000.
            return f"{count:.3g} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB"
