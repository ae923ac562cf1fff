"""The worked examples of the documentation: made by the service, shown as they come."""

import re

import pytest

from plugin.sandbox.examples import write_examples


@pytest.mark.slow
def test_each_kind_is_shown_with_what_was_posted(tmp_path):
    page = write_examples(tmp_path, n_sources=40, seed=0)
    text = page.read_text()
    pictures = re.findall(r"!\[[^\]]+\]\((pictures/\w+\.png)\)", text)
    assert len(pictures) >= 3  # a right one, a wrong one, an alert
    assert all((tmp_path / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    parts = {name: text.partition(f"pictures/{name}.png")[2].partition("\n## ")[0] for name in ("commit", "alert")}
    assert "| `policy` | COMMIT |" in parts["commit"]
    assert "| `policy` | ALERT |" in parts["alert"]
    assert "% of 3850-9000 A" in text.partition("## Not classified")[2]
