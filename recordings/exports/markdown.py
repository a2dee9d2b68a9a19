"""Markdown as clean HTML: headings, lists, tables, emphasis, code, and links to elsewhere. Pure.

Whoever wrote it may be trying something, or may be a language model that was told to. So markup
other than Markdown is shown as text, no picture is fetched from anywhere, and what comes of it
passes a list of tags besides.
"""

from __future__ import annotations

from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore

# Longer texts are shown as they were typed. Up to here the worst takes about a second to parse.
LENGTH_MAX = 100_000
LOWEST_HEADING = 6

TAGS = {
    *(f"h{level}" for level in range(1, LOWEST_HEADING + 1)),
    *("p", "br", "hr", "blockquote", "ul", "ol", "li", "em", "strong", "s", "code", "pre", "a"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = ("http://", "https://", "mailto:")


def html(text: str, *, top_heading: int = 1) -> str:
    """`top_heading`: the level that the highest headings get; the others follow, down to h6."""
    if len(text) > LENGTH_MAX:
        return f"<pre>{escape(text)}</pre>"
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image_as_text)
    parser.core.ruler.push("lower_headings", _lower_headings)
    return nh3.clean(
        parser.render(text, {"top_heading": top_heading}),
        tags=TAGS,
        attributes=ATTRIBUTES,
        attribute_filter=_allowed,
        link_rel="noopener noreferrer nofollow",
    )


def _lower_headings(state: StateCore) -> None:
    for token in state.tokens:
        if token.type in ("heading_open", "heading_close"):
            level = int(token.tag.removeprefix("h")) + state.env["top_heading"] - 1
            token.tag = f"h{min(level, LOWEST_HEADING)}"


def _image_as_text(renderer: RendererHTML, tokens: Any, index: int, options: Any, env: Any) -> str:
    return escape(renderer.renderInlineAsText(tokens[index].children or [], options, env))


def _allowed(tag: str, name: str, value: str) -> str | None:
    """A link names its scheme: addresses within this server are none of the writer's business."""
    if name == "href" and not value.strip().lower().startswith(SCHEMES):
        return None
    return value
