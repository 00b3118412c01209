"""`make docs`: the site has every page, asks nothing of other hosts, and is not made where a link leads nowhere."""

import re
import shutil
import subprocess

import pytest
from blocks import PAGES
from support import HANG_S, ROOT


def make(*arguments: object) -> subprocess.CompletedProcess:
    command = [ROOT / "scripts" / "docs", *arguments]
    return subprocess.run(map(str, command), capture_output=True, text=True, timeout=HANG_S)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    target = tmp_path_factory.mktemp("docs") / "site"
    done = make(".", target)
    assert done.returncode == 0, done.stderr
    return target


def test_every_page_is_there(site):
    for page in PAGES:
        assert (site / page.relative_to(ROOT).with_suffix(".html")).is_file(), page
    assert "docs/index.html" in (site / "index.html").read_text()


def test_nothing_comes_from_elsewhere(site):
    """Links may lead out; what a browser loads by itself may not."""
    loads = re.compile(
        r"<(?:script|img|iframe|source|link(?![^>]*rel=\"(?:author|canonical)\"))\b[^>]*(?:src|href)=\"(?:https?:)?//[^\"]*"
        r"|@import\s+(?:url\()?[\"']?(?:https?:)?//|url\([\"']?(?:https?:)?//"
    )
    for path in [path for path in site.rglob("*") if path.suffix in {".html", ".css"}]:
        found = loads.search(path.read_text())
        assert not found, f"{path}: {found[0]}"


@pytest.mark.parametrize("link", ["nosuchpage.md", "settings.md#nosuchheading", "#nosuchheading"])
def test_a_link_that_leads_nowhere_is_an_error(tmp_path, link):
    (tmp_path / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "conf.py", tmp_path / "docs")
    shutil.copytree(ROOT / "docs" / "site", tmp_path / "docs" / "site")
    (tmp_path / "docs" / "settings.md").write_text("---\norphan: true\n---\n# Settings\n")
    (tmp_path / "docs" / "index.md").write_text("# Index\n\n[a link](settings.md)\n")
    good = make(tmp_path, tmp_path / "build" / "good")
    assert good.returncode == 0, good.stderr
    (tmp_path / "docs" / "index.md").write_text(f"# Index\n\n[a link]({link})\n")
    bad = make(tmp_path, tmp_path / "build" / "bad")
    assert bad.returncode != 0 and link.rpartition("#")[2] in bad.stderr, bad.stderr
