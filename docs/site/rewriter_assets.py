"""The rewriter for the site's page: networks, tokenizer and ONNX Runtime Web as scripts that hold them compressed.

A page opened from the disk may read scripts, but no other files.
"""

from __future__ import annotations

import base64
import gzip
from pathlib import Path

RUNTIME, WASM = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"
"""Files of onnxruntime-web's ``dist``: the CPU's runtime alone."""

FORM = """<div class="rewriter" data-assets="{assets}">
<p><button type="button" data-part="start">Open the rewriter ({megabytes:.0f} MB)</button></p>
<form data-part="form" hidden>
<p><label>Picture <select data-part="choice"></select></label></p>
<p><img data-part="picture" alt="" width="224" height="224"></p>
<p>Instruction: <span data-part="instruction"></span></p>
<p><label>Draft<br><textarea data-part="draft" rows="3" cols="60"></textarea></label></p>
<p><button data-part="rewrite">Rewrite</button></p>
</form>
<p role="status" data-part="status"></p>
<blockquote data-part="output"></blockquote>
</div>
<script src="{script}"></script>
"""


def write_assets(exported: Path, runtime: Path, out: Path) -> float:
    """Write the scripts into `out`; their size in megabytes.

    Args:
        exported: what `flamingo_lib.integrations.onnx_rewriter.export_rewriter` wrote.
        runtime: the folder ``dist`` of onnxruntime-web.
    """
    out.mkdir(parents=True, exist_ok=True)
    files = {
        "runtime": runtime / RUNTIME,
        "wasm": runtime / WASM,
        "vision": exported / "vision.onnx",
        "language": exported / "language.onnx",
        "about": exported / "rewriter.json",
    }
    for name, file in files.items():
        packed = base64.b64encode(gzip.compress(file.read_bytes(), mtime=0)).decode()
        (out / f"{name}.js").write_text(f'rewriterAssets.{name} = "{packed}";\n', "utf-8")
    return sum(path.stat().st_size for path in out.iterdir()) / 1e6


def form(assets: str, script: str, megabytes: float) -> str:
    """The page's part, as HTML; both addresses are relative to the page."""
    return FORM.format(assets=assets, script=script, megabytes=megabytes)
