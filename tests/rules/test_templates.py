"""Templates and scripts hold nothing that the content security policy forbids, and scripts no sentence of their own."""

import re
from pathlib import Path

import pytest

from server.pages.render import ROOT

TEMPLATES = sorted((ROOT / "templates").iterdir())
SCRIPTS = sorted((ROOT / "static" / "js").glob("*.js"))

FORBIDDEN_IN_TEMPLATES = {
    "inline style": r"\sstyle\s*=",
    "event handler": r"\son[a-z]+\s*=",
    "style element": r"<style\b",
    "inline script": r"<script\b(?![^>]*\bsrc=)",
    "script address": r"javascript:",
    "another site": r"""(?:src|href|action)=["'](?:https?:)?//""",
    "unescaped value": r"\|\s*safe\b",
}
FORBIDDEN_IN_SCRIPTS = {
    "markup from text": r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|DOMParser|createContextualFragment|srcdoc)\b",
    "written document": r"document\.write",
    "code from text": r"\b(?:eval|Function)\s*\(|set(?:Timeout|Interval)\(\s*[\"'`]",
    "style attribute": r"""setAttribute\(\s*["']style""",
    "another site": r"https?://",
}
SENTENCE = re.compile(r"[A-Z][a-z]+(?: [\w,.']+)+")


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_nothing_that_the_policy_forbids(path: Path) -> None:
    text = re.sub(r"\{#.*?#\}", "", path.read_text(), flags=re.DOTALL)
    found = [name for name, pattern in FORBIDDEN_IN_TEMPLATES.items() if re.search(pattern, text, re.IGNORECASE)]
    assert found == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_makes_no_markup_from_text(path: Path) -> None:
    text = path.read_text()
    assert [name for name, pattern in FORBIDDEN_IN_SCRIPTS.items() if re.search(pattern, text)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_nothing_of_its_own(path: Path) -> None:
    code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    strings = re.findall(r'"([^"\n]*)"', re.sub(r"(?m)(^|\s)//.*$", "", code))
    assert [text for text in strings if SENTENCE.fullmatch(text)] == []
