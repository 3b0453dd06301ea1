"""Sphinx extension: equations as MathML, which browsers draw by themselves, without a script or a font to load."""

from __future__ import annotations

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util.math import get_node_equation_number


def inline_math(writer, node: nodes.math) -> None:
    """A formula in running text."""
    writer.body.append(f'<span class="math">{convert(node.astext())}</span>')
    raise nodes.SkipNode


def display_math(writer, node: nodes.math_block) -> None:
    """A formula on lines of its own, with its number if it has one."""
    writer.body.append(writer.starttag(node, "div", CLASS="math"))
    if node.get("number"):
        writer.body.append(f'<span class="eqno">({get_node_equation_number(writer, node)})</span>')
    writer.body.append(convert(node.astext(), display="block") + "</div>")
    raise nodes.SkipNode


def setup(app) -> dict[str, bool]:
    """Sphinx calls this when it loads the extension."""
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
