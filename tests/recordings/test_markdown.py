"""Markdown becomes clean HTML, whatever its writer tried."""

from __future__ import annotations

import time
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recordings.exports.markdown import ATTRIBUTES, LENGTH_MAX, SCHEMES, TAGS, html

REL = "noopener noreferrer nofollow"
# What somebody might try, by what it is about.
TRICKS = {
    "script": "<script>alert(1)</script>",
    "script in a block": "<div>\n<script src='https://evil.example/x.js'></script>\n</div>",
    "script after text": "text <ScRiPt >alert(1)</ScRiPt>",
    "unclosed script": "<script>alert(1)",
    "img": "<img src=x onerror=alert(1)>",
    "svg": "<svg/onload=alert(1)><animate onbegin=alert(1) attributeName=x>",
    "iframe": "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "style": "<style>*{background:url(https://evil.example/x)}</style>",
    "style attribute": "<p style='background:url(https://evil.example/x)'>x</p>",
    "form": "<form action='https://evil.example'><input name=password autofocus></form>",
    "base": "<base href='https://evil.example/'>",
    "meta": "<meta http-equiv=refresh content='0;url=https://evil.example'>",
    "object": "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "math": "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style>",
    "comment": "<!-- --><img src=x onerror=alert(1)> --!><script>",
    "cdata": "<![CDATA[<script>alert(1)</script>]]>",
    "javascript link": "[x](javascript:alert(1))",
    "javascript in capitals": "[x](JaVaScRiPt:alert(1))",
    "javascript in entities": "[x](&#106;&#x61;vascript&colon;alert(1))",
    "javascript after a space": "[x](<  javascript:alert(1)>)",
    "javascript broken up": "[x](<java\tscript:alert(1)>) [x](<java&#10;script:alert(1)>)",
    "javascript as reference": "[x][1]\n\n[1]: javascript:alert(1)",
    "javascript as autolink": "<javascript:alert(1)>",
    "javascript in a title": "[x](https://ok.example 'javascript:alert(1)\" onclick=\"alert(1)')",
    "data link": "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "vbscript link": "[x](vbscript:msgbox(1))",
    "file link": "[x](file:///etc/passwd)",
    "blob link": "[x](blob:https://evil.example/1)",
    "link to here": "[x](/admin/) [x](logout) [x](#id) [x](?a) [x](http:/admin/)",
    "link without a scheme": "[x](//evil.example/)",
    "quote in a link": '[x](https://ok.example/"onmouseover="alert(1))',
    "image": "![alt](https://evil.example/x.png)",
    "image with a title": "![alt](https://evil.example/x.png 'title')",
    "image as reference": "![alt][1]\n\n[1]: https://evil.example/x.png",
    "image in a link": "[![alt](https://evil.example/x.png)](javascript:alert(1))",
    "image of data": "![alt](data:image/svg+xml,<svg onload=alert(1)>)",
    "markup in alt": "![<img src=x onerror=alert(1)>](https://evil.example/x.png)",
    "markup in code": "```\n</code></pre><script>alert(1)</script>\n```",
    "markup in a language": '```"><script>alert(1)</script>\nx\n```',
    "markup in a table": "|a|\n|-|\n|<img src=x onerror=alert(1)>|",
    "markup in a heading": "# <img src=x onerror=alert(1)>",
    "nested": "[a [b](javascript:alert(1)) c](javascript:alert(2))",
    "nothing closed": "**[x](`<img src=x onerror=alert(1)>",
    "control characters": "[x](java\x00script:alert(1)) <scr\x00ipt>alert(1)</script>",
    "tab in front": "\t<script>alert(1)</script>",
    "entities": "&lt;script&gt;alert(1)&lt;/script&gt; &#60;img src=x onerror=alert(1)&#62;",
}


class Found(HTMLParser):
    """Every tag of a piece of HTML, with its attributes."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.others: list[str] = []
        self.text = ""
        self.feed(markup)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def assert_clean(markup: str) -> None:
    found = Found(markup)
    assert found.others == []
    for tag, attributes in found.tags:
        assert tag in TAGS
        allowed = ATTRIBUTES.get(tag, set()) | ({"rel"} if tag == "a" else set())
        assert attributes.keys() <= allowed, markup
        if tag == "a":
            assert attributes["rel"] == REL
            assert attributes.get("href", "https://").lower().startswith(SCHEMES)


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS)
def test_no_trick_comes_through(trick: str) -> None:
    for text in (trick, f"> {trick}", f"- {trick}", f"x\n\n{trick}\n\ny", f"*{trick}*", trick * 3):
        assert_clean(html(text))


MARKS = st.sampled_from(
    [*"[]()!<>*_`#|-+~\\\"'&=:/\n\t ", "](", "javascript:", "https://", "<script>", "onload=x", "a"]
)


@given(st.lists(MARKS | st.text(max_size=3), max_size=60).map("".join))
@example("".join(TRICKS.values()))
def test_nothing_but_clean_html_comes_of_anything(text: str) -> None:
    assert_clean(html(text))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# Plan", "<h3>Plan</h3>\n"),
        ("Plan\n---", "<h4>Plan</h4>\n"),
        ("###### Small", "<h6>Small</h6>\n"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
        ("3. c", '<ol start="3">\n<li>c</li>\n</ol>\n'),
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>\n"),
        ("```python\na < b\n```", "<pre><code>a &lt; b\n</code></pre>\n"),
        ("> a\n\n---", "<blockquote>\n<p>a</p>\n</blockquote>\n<hr>\n"),
        ("a  \nb", "<p>a<br>\nb</p>\n"),
        ("", ""),
    ],
)
def test_what_people_write_is_shown(text: str, shown: str) -> None:
    assert html(text, top_heading=3) == shown


def test_a_table_is_one() -> None:
    found = Found(html("|who|what|\n|---|---:|\n|Mina|minutes|"))
    tags = [tag for tag, _ in found.tags]
    assert tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "td"]
    assert found.text.split() == ["who", "what", "Mina", "minutes"]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("[x](https://a.example/?b=1&c=2)", "https://a.example/?b=1&c=2"),
        ("[x](HTTP://a.example)", "HTTP://a.example"),
        ("[x](mailto:mina@a.example)", "mailto:mina@a.example"),
        ("<https://a.example>", "https://a.example"),
        ("[x][1]\n\n[1]: https://a.example", "https://a.example"),
    ],
)
def test_links_lead_out_and_tell_nothing(text: str, address: str) -> None:
    [(tag, attributes)] = Found(html(text)).tags[1:]
    assert (tag, attributes) == ("a", {"href": address, "rel": REL})


def test_a_picture_is_its_text() -> None:
    assert html("![A *cat* & <b>](https://a.example/cat.png)") == "<p>A cat &amp; &lt;b&gt;</p>\n"


def test_markup_is_shown_as_it_was_typed() -> None:
    assert html("<b>bold</b>") == "<p>&lt;b&gt;bold&lt;/b&gt;</p>\n"


def test_a_text_too_long_to_parse_is_shown_as_it_was_typed() -> None:
    markup = html("# <b>" + "x" * LENGTH_MAX)
    assert markup.startswith("<pre># &lt;b&gt;xxx")
    assert_clean(markup)


@pytest.mark.parametrize(
    "unit", ["[", "![", "*a ", "`a", "> ", "|-", "<a", "&#x", "[a](b", "_a __b "]
)
def test_no_text_takes_long(unit: str) -> None:
    """The worst takes two seconds; what grew with the square of the length would take minutes."""
    before = time.process_time()
    html((unit * LENGTH_MAX)[:LENGTH_MAX])
    assert time.process_time() - before < 10
