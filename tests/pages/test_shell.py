from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

import pytest

from everystep.errors import ArgumentError
from everystep.pages import Markup, page


def test_a_plain_string_as_body_is_escaped():
    html = page("t", "<img src=x onerror=alert(1)>")
    assert "<img" not in html
    assert "&lt;img src=x onerror=alert(1)&gt;" in html


def test_the_policy_holds_the_hash_of_the_style_and_of_the_script_and_nothing_inline():
    html = page("t", "", style="p{margin:0}", script="document.title = '1 < 2'")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1).replace("&#39;", "'")
    for tag in ("style", "script"):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL).group(1)
        assert f"{tag}-src 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_without_a_script_no_script_may_run():
    assert "script-src" not in page("t", "")


@pytest.mark.parametrize(
    "arguments", [{"style": "p{}</STYLE ><script>"}, {"script": "'</script>'"}, {"script": "<!--"}]
)
def test_style_or_script_that_would_end_its_own_element_is_refused(arguments):
    with pytest.raises(ArgumentError, match="would end early"):
        page("t", "", **arguments)


def test_the_script_runs_and_a_foreign_one_does_not(browser, tmp_path):
    body = Markup('<p id="a">a</p><script>document.title = "foreign"</script>')
    (tmp_path / "page.html").write_text(page("own", body, script="document.getElementById('a').textContent = 'ran'"))
    opened = browser.new_page()
    opened.goto((tmp_path / "page.html").as_uri())
    assert (opened.title(), opened.text_content("#a")) == ("own", "ran")
    opened.close()
