"""Builds the site: executed notebooks, the documents and the API reference, opened from the disk without a network.

    python docs/site/build.py [--run runs/tiny-0] [--out build/site]

Sources are staged in one folder that keeps the checkout's layout, so that links between documents hold; links to code
lead to the API reference. Notebooks come with the outputs stored in them, or with those of a run's folder.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent))

from rewriter_assets import form, write_assets

if TYPE_CHECKING:
    from flamingo_lib.integrations.onnx_rewriter import Example

SITE = Path(__file__).resolve().parent
ROOT = SITE.parents[1]
DOCUMENTS = ("CONTRIBUTING.md", "CHANGELOG.md", "LOG.md", "SECURITY.md")
FILES = ("LICENSE", "CITATION.cff")
PAGES = {
    "README.md": "index.md",
    "docs": "index.md",
    "docs/examples": "docs/examples/index.md",
    "flamingo_lib": "api/index.rst",
    "notebooks": "notebooks/index.md",
    "notebooks/solutions": "notebooks/solutions/index.md",
}
"""What documents link to, and the page that stands for it."""
RUNTIME = ROOT / ".venv" / "onnxruntime-web" / "node_modules" / "onnxruntime-web" / "dist"
"""Where `make site` puts onnxruntime-web."""
ASSETS = "rewriter"
"""Folder of the rewriter's scripts in the site."""
FENCE = re.compile(r"(^(?:```|~~~).*?^(?:```|~~~)[ \t]*$)", flags=re.S | re.M)
LINK = re.compile(r"``[^`]+``|`[^`]+`|(!?)\[((?:[^\[\]]|\[[^\]]*\]\([^)]*\))*)\]\(([^)\s]+)\)")
"""A link or an image with its label and address, or inline code, in which nothing is a link."""


def staged_text(text: str, folder: str) -> str:
    """A Markdown document of `folder` (relative to the checkout) with its links made to fit the site."""
    parts = FENCE.split(text)
    return "".join(
        part if index % 2 else LINK.sub(lambda m: _link(m, folder), part) for index, part in enumerate(parts)
    )


def _link(match: re.Match[str], folder: str) -> str:
    """One Markdown link or image: pages stay, modules lead to the API reference, other files lose their link."""
    mark, label, address = match.groups()
    if address is None or "://" in address or address.startswith(("#", "mailto:")):
        return match[0]
    file, mark_of_anchor, anchor = address.partition("#")
    path = _resolve(folder, file)
    if mark:
        return _picture(label, address) if file.endswith(".svg") else match[0]
    if file.endswith(".py") and path.startswith("flamingo_lib/"):
        module = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        plain = re.sub(r"[`\\]", "", label)
        return f"{{py:mod}}`{plain} <{module}>`"
    if file.endswith(".py"):
        return f"[{label}]({file.removesuffix('.py')}.md)" if path.startswith("docs/examples/") else label
    if path in PAGES:
        return f"[{label}]({_relative(PAGES[path], folder)}{mark_of_anchor}{anchor})"
    is_page = path in FILES or path in DOCUMENTS or file.endswith((".md", ".ipynb"))
    return match[0] if is_page else label


def _resolve(folder: str, file: str) -> str:
    return str((ROOT / folder / file).resolve().relative_to(ROOT))


def _relative(page: str, folder: str) -> str:
    return "../" * len(Path(folder).parts) + page


def _picture(alt: str, address: str) -> str:
    """An SVG as two images, one for each theme of the page (`stage_images` writes them)."""
    return " ".join(
        f"![{alt}]({address.removesuffix('.svg')}-{theme}.svg){{.only-{theme} .picture-{theme}}}"
        for theme in ("light", "dark")
    )


def stage(out: Path, run: Path | None) -> None:
    """Write everything that Sphinx reads into `out`."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for path in [*(ROOT / name for name in DOCUMENTS), *(ROOT / "docs").rglob("*.md")]:
        if SITE not in path.parents:
            name = path.relative_to(ROOT)
            _write(out / name, staged_text(path.read_text("utf-8"), str(name.parent)))
    for name in FILES:
        shutil.copy(ROOT / name, out / name)
    first = staged_text((ROOT / "README.md").read_text("utf-8"), "")
    _write(out / "index.md", first + "\n" + (SITE / "contents.txt").read_text("utf-8"))
    stage_images(ROOT / "docs" / "images", out / "docs" / "images")
    shutil.copytree(ROOT / "docs" / "images" / "badges", out / "docs" / "images" / "badges")
    stage_examples(out)
    stage_notebooks(out, run)
    stage_rewriter(out, run)
    stage_api(out / "api")


def stage_images(source: Path, out: Path) -> None:
    """Each SVG in a light and a dark version: its style's dark block left out, or taken for good."""
    block = re.compile(r"@media \(prefers-color-scheme: dark\) \{((?:[^{}]|\{[^{}]*\})*)\}")
    for path in source.glob("*.svg"):
        text = path.read_text("utf-8")
        _write(out / f"{path.stem}-light.svg", block.sub("", text))
        _write(out / f"{path.stem}-dark.svg", block.sub(lambda m: m[1], text))


def stage_examples(out: Path) -> None:
    """A page for each example program, and one that lists them."""
    names = sorted((ROOT / "docs" / "examples").glob("*.py"))
    for path in names:
        title = path.stem.replace("_", " ").capitalize()
        _write(out / "docs/examples" / f"{path.stem}.md", f"# {title}\n\n```python\n{path.read_text('utf-8')}```\n")
    _write(out / "docs/examples/index.md", _contents("Examples", "How to add to the library.", ["add_*"]))


def stage_notebooks(out: Path, run: Path | None) -> None:
    """The notebooks in their order, and the solutions; those that a run executed, where `run` names its folder."""
    for path in sorted((ROOT / "notebooks").rglob("[0-9][0-9]_*.ipynb")):
        name = path.relative_to(ROOT)
        executed = run / name if run is not None else path
        if len(name.parts) == 2 and not executed.is_file():
            raise SystemExit(f"{executed} is missing: run `make pipeline RUN={run.name}` first, or build without --run")
        _write(out / name, staged_notebook(executed if executed.is_file() else path, str(name.parent)))
    _write(
        out / "notebooks/index.md",
        _contents("Notebooks", "The method, one part after the other.", ["[0-9]*", "solutions/index"]),
    )
    _write(out / "notebooks/solutions/index.md", _contents("Solutions", "The exercises, solved.", ["[0-9]*"]))


def staged_notebook(path: Path, folder: str) -> str:
    """A notebook with the links of its text made to fit the site, without what varies between runs."""
    import nbformat

    from flamingo_lib.pipeline.notebook_outputs import normalise

    notebook = normalise(nbformat.read(path, 4))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = staged_text(cell.source, folder)
    return nbformat.writes(notebook)


def stage_rewriter(out: Path, run: Path | None) -> None:
    """The page of the rewriter: with that of the run if it is there, else with what is missing."""
    page, missing = out / "docs" / "browser.md", _missing(run)
    if run is None or missing:
        part = f"*This site was built without a rewriter: {missing}.*\n"
    else:
        megabytes = write_assets(exported(run), RUNTIME, out / ASSETS)
        part = "```{raw} html\n" + form(f"../{ASSETS}/", "../_static/rewriter.js", megabytes) + "```\n"
    _write(page, page.read_text("utf-8").replace("<!-- rewriter -->\n", part))


def _missing(run: Path | None) -> str:
    if run is None or not (run / "rewriter" / "model").is_dir():
        return "no run with one was named"
    if find_spec("onnx") is None or find_spec("onnxscript") is None:
        return "the extra `onnx` was not installed"
    return "" if RUNTIME.is_dir() else "onnxruntime-web was not installed, which needs npm"


def exported(run: Path) -> Path:
    """The run's rewriter as ONNX, kept beside the run until it is trained anew."""
    from flamingo_lib.code_hash import code_fingerprint
    from flamingo_lib.integrations import onnx_rewriter
    from flamingo_lib.storage import fingerprint_files

    model = run / "rewriter" / "model"
    code = code_fingerprint([onnx_rewriter.__name__, "flamingo_lib.scenes.questions"])
    key = f"{fingerprint_files(sorted(path for path in model.iterdir() if path.is_file()))}-{code}"
    out = run / ".cache" / "onnx" / key
    if not out.is_dir():
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir(parents=True)
        onnx_rewriter.export_rewriter(model, out, examples())
    return out


def examples() -> list[Example]:
    """Scenes that nothing was trained on, each with a question and its answer as a draft."""
    from flamingo_lib.integrations.onnx_rewriter import Example
    from flamingo_lib.scenes.graph import draw_scene
    from flamingo_lib.scenes.questions import ask
    from flamingo_lib.scenes.render import render
    from flamingo_lib.seeding import generator

    found: dict[str, Example] = {}
    for index in range(200):
        scene = draw_scene(0, f"browser-{index}")
        question = ask(scene, generator(0, "browser", index))
        if question.type not in found:
            title = f"{len(found) + 1}: {question.text}"
            found[question.type] = Example(question.text, question.answer, render(scene, 224), title)
    return list(found.values())


def stage_api(out: Path) -> None:
    """A page for each package with all of its modules."""
    package = ROOT / "flamingo_lib"
    folders = sorted(path.parent for path in package.rglob("__init__.py"))
    for folder in folders:
        name = _dotted(folder)
        inner = [_dotted(path) for path in folders if path.parent == folder]
        modules = [_dotted(path) for path in sorted(folder.glob("*.py")) if path.stem not in ("__init__", "__main__")]
        page = [_heading(name, "="), _toctree(inner) if inner else "", f".. automodule:: {name}\n"]
        page += [f"{_heading(module.rpartition('.')[2], '-')}\n.. automodule:: {module}\n" for module in modules]
        _write(out / f"{name}.rst", "\n".join(page))
    top = [_dotted(path) for path in folders if path.parent == package]
    intro = "From the docstrings, a page for each room; :doc:`../docs/architecture` says which question each answers.\n"
    _write(out / "index.rst", "\n".join([_heading("API reference", "="), intro, _toctree(["flamingo_lib", *top])]))
    text = (out / "flamingo_lib.rst").read_text("utf-8")
    _write(out / "flamingo_lib.rst", text.replace(_toctree(top), ""))


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


def _heading(title: str, line: str) -> str:
    return f"{title}\n{line * len(title)}\n"


def _toctree(pages: list[str]) -> str:
    return ".. toctree::\n   :maxdepth: 1\n\n" + "".join(f"   {page}\n" for page in pages)


def _contents(title: str, intro: str, patterns: list[str]) -> str:
    """A page that lists pages by glob, so that new or renumbered ones are found by themselves."""
    return f"# {title}\n\n{intro}\n\n```{{toctree}}\n:glob:\n:maxdepth: 1\n\n" + "\n".join(patterns) + "\n```\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def build(out: Path, run: Path | None = None, *, strict: bool = False) -> int:
    """Stage and build; Sphinx's exit code. `strict` makes a failure of each warning.

    A site that was made of the same documents, notebooks and library is left as it is.
    """
    from sphinx.cmd.build import main as sphinx

    source, stamp = out.parent / f"{out.name}-source", out / "made-of.txt"
    stage(source, run)
    key = fingerprint(source)
    if stamp.is_file() and stamp.read_text("utf-8") == key:
        return 0
    shutil.rmtree(out, ignore_errors=True)
    options = ["-W", "--keep-going"] if strict else []
    command = ["-b", "html", "-q", "-E", "-c", str(SITE), "-d", str(source / ".doctrees"), *options]
    code = sphinx([*command, str(source), str(out)])
    if code == 0:
        if (source / ASSETS).is_dir():  # no pages, so Sphinx leaves them out
            shutil.copytree(source / ASSETS, out / ASSETS)
        stamp.write_text(key, "utf-8")
    return code


def fingerprint(source: Path) -> str:
    """A hash of what is staged, of the library with its docstrings, and of these scripts."""
    digest = hashlib.blake2b()
    for folder, pattern in ((source, "*"), (ROOT / "flamingo_lib", "*.py"), (SITE, "*.*")):
        for path in sorted(path for path in folder.rglob(pattern) if path.is_file() and path.suffix != ".pyc"):
            digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", type=Path, help="folder of a run whose executed notebooks are shown")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "site")
    parser.add_argument("--strict", action="store_true", help="fail on a warning")
    options = parser.parse_args()
    started = time.monotonic()
    code = build(options.out.resolve(), options.run, strict=options.strict)
    if code == 0:
        size = sum(path.stat().st_size for path in options.out.rglob("*") if path.is_file())
        seconds = time.monotonic() - started
        print(f"{options.out / 'index.html'}: {size / 1e6:.0f} MB, after {seconds:.0f} s")
    return code


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    raise SystemExit(main())
