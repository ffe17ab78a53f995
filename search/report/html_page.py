"""`Page`: an HTML file that holds all it needs, for light and dark, for narrow screens and for paper.

Plotly's own code goes in once, compressed: a browser inflates it in a moment, and the file stays a third as
large.
"""

from __future__ import annotations

import base64
import functools
import gzip
import html
from collections.abc import Sequence

import plotly.graph_objects as go
import plotly.offline

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --quiet: #57606a; --back: #fff; --box: #e6fcf5;
  --line: #d0d7de; --code: #f3f4f6 }
@media (prefers-color-scheme: dark) { :root { --text: #e6e8eb; --quiet: #a2abb6; --back: #14171a;
  --box: #10302f; --line: #3a424b; --code: #1f2429 } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 980px; margin: 2rem auto; padding: 0 1rem;
  color: var(--text); background: var(--back) }
h1 { font-size: 1.3rem; font-weight: 600; color: var(--quiet) } h2 { font-size: 1.2rem; margin-top: 2.2rem }
.answer { font-size: 1.45rem; line-height: 1.35; padding: 1rem; background: var(--box);
  border-left: 5px solid #1098ad }
.quiet { color: var(--quiet) }
.scroll { overflow-x: auto } table { border-collapse: collapse }
td, th { padding: .25rem .8rem; border-bottom: 1px solid var(--line); text-align: left }
pre { background: var(--code); padding: .8rem; overflow-x: auto }
figure { margin: 1rem 0 } figcaption { color: var(--quiet) } .plot { min-height: 380px }
.plot text:not(.hoverlayer text) { fill: var(--text) !important }
@media (max-width: 600px) { body { margin: 1rem auto } .answer { font-size: 1.2rem }
  td, th { padding: .2rem .4rem } }
@media print { body { max-width: none; margin: 0 } figure, table { break-inside: avoid }
  .answer { border: 1px solid } }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><main><h1>{title}</h1>
{body}
</main>{scripts}</body></html>
"""
_DRAW = """
const packed = Uint8Array.from(atob(document.getElementById("plotly").textContent), c => c.charCodeAt(0));
const code = new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip")));
code.text().then(text => {
  const script = document.createElement("script");
  script.textContent = text;
  document.head.append(script);
  for (const place of document.querySelectorAll(".plot")) {
    const figure = JSON.parse(place.nextElementSibling.textContent);
    Plotly.newPlot(place, figure.data, figure.layout, {displayModeBar: false, responsive: true});
  }
});
addEventListener("beforeprint", () => {
  for (const place of document.querySelectorAll(".plot")) Plotly.Plots.resize(place);
});
"""


class Page:
    """Collects sections."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._parts: list[str] = []
        self._has_figures = False

    def paragraph(self, text: str, style: str = "plain") -> None:
        self._parts.append(f'<p class="{style}">{html.escape(text)}</p>')

    def heading(self, text: str) -> None:
        self._parts.append(f"<h2>{html.escape(text)}</h2>")

    def figure(self, figure: go.Figure, alt: str, caption: str = "") -> None:
        """A figure that can be zoomed; `alt` says what is seen, for those who don't see it."""
        figure.update_layout(paper_bgcolor="rgba(0,0,0,0)", plot_bgcolor="rgba(0,0,0,0)")
        figure.update_xaxes(gridcolor="rgba(128,128,128,.25)", zerolinecolor="rgba(128,128,128,.5)")
        figure.update_yaxes(gridcolor="rgba(128,128,128,.25)", zerolinecolor="rgba(128,128,128,.5)")
        data = figure.to_json().replace("<", "\\u003c")
        told = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        self._parts.append(
            f'<figure><div class="plot" role="img" aria-label="{html.escape(alt)}"></div>'
            f'<script type="application/json">{data}</script>{told}</figure>'
        )
        self._has_figures = True

    def picture(self, svg: str) -> None:
        """A drawing that needs no script."""
        self._parts.append(f"<figure>{svg}</figure>")

    def table(self, head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        cells = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in head)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
        self._parts.append(f'<div class="scroll"><table><tr>{cells}</tr>{body}</table></div>')

    def code(self, text: str) -> None:
        self._parts.append(f"<pre>{html.escape(text)}</pre>")

    def text(self) -> str:
        """The whole file."""
        scripts = f'<script type="text/plain" id="plotly">{_plotly()}</script><script>{_DRAW}</script>'
        return _PAGE.format(
            title=html.escape(self._title),
            style=_STYLE,
            body="\n".join(self._parts),
            scripts=scripts if self._has_figures else "",
        )


@functools.cache
def _plotly() -> str:
    packed = gzip.compress(plotly.offline.get_plotlyjs().encode(), compresslevel=9, mtime=0)
    return base64.b64encode(packed).decode()
