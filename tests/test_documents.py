"""What the project says of itself is finished."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
UNFINISHED = re.compile(r"\b(PLACEHOLDER|TODO|FIXME|TBD|XXX)|^[A-Z]+_[A-Z0-9]+$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#:]+)\)")


def _documents() -> list[Path]:
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_nothing_is_left_to_fill_in():
    texts = [*_documents(), *sorted((ROOT / "configs").rglob("*.py"))]
    found = [
        f"{path.name}: {match[0]}"
        for path in texts
        for match in UNFINISHED.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


def test_links_lead_somewhere():
    for path in _documents():
        for target in LINK.findall(path.read_text(encoding="utf-8")):
            assert (path.parent / target).exists(), f"{path.name}: {target}"
