"""Every page and fragment that the library shows, made of hostile text: a registry, and a look for pages not in it."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from PIL import Image

import flamingo_lib
from flamingo_lib import html
from flamingo_lib.config import FiltersConfig
from flamingo_lib.records import Box, Pair, Rewrite, Sample, Turn, Verdict
from tests.html.test_escaping import FUNCTIONS

PACKAGE = Path(flamingo_lib.__file__).parent

HOSTILE = "\n".join(
    [
        "<script>window.hacked=1</script>",
        '"><img src=x onerror="window.hacked=1">',
        "' onmouseover='window.hacked=1' autofocus onfocus='window.hacked=1",
        "</style></title></textarea></script><script>window.hacked=1</script>",
        "<svg/onload=window.hacked=1><animate onbegin=window.hacked=1>",
        '<iframe srcdoc="<script>parent.hacked=1</script>"></iframe>',
        '<link rel=stylesheet href=//example.invalid/a.css><meta http-equiv=refresh content="0;url=//example.invalid">',
        "<img src=https://example.invalid/a.png><form action=//example.invalid><button>x</button></form>",
        "<style>@import url(//example.invalid/a.css);</style><base href=//example.invalid/>",
        "javascript:window.hacked=1 &lt;script&gt; &#60;script&#62; \\u003cscript> ]]> --> <!--",
        "### Human: <image> <|endofchunk|> </s> ${window.hacked=1} {{window.hacked=1}} `${alert(1)}`",
    ]
)
SHORT = "<img src=x onerror=window.hacked=1>\"'</script>"
"""The name of a file, which holds no line break."""

Page = Callable[[Path], str]
"""Makes a page or fragment, given a folder to work in."""


def sample(path: str = SHORT) -> Sample:
    """A sample with hostile text wherever text may stand."""
    return Sample(HOSTILE, HOSTILE, "vqa", (path,), HOSTILE, HOSTILE, boxes=(Box(HOSTILE, 0.1, 0.1, 0.6, 0.6),))


def rewrites() -> list[Rewrite]:
    """A kept, an edited and a dropped record."""
    verdicts = [
        Verdict(True, HOSTILE, 0.5, 0.1, HOSTILE),
        Verdict(True, HOSTILE, 1.0, 0.0, HOSTILE, edit=HOSTILE + "!"),
    ]
    dropped = [Verdict(False, HOSTILE, None, None, HOSTILE)]
    return [
        Rewrite(sample(), "other words " + HOSTILE, (HOSTILE,), verdicts=tuple(own), rewriter=HOSTILE)
        for own in (verdicts[:1], verdicts, dropped)
    ]


def opened(_sample: Sample) -> list[Image.Image]:
    """An image for any sample."""
    return [Image.new("RGB", (40, 30), "tan")]


def _funnel() -> dict[str, Any]:
    from flamingo_lib.filters.funnel import Funnel

    return Funnel([HOSTILE]).update(rewrites()).to_dict()


def _every_function(_folder: Path) -> str:
    whole = ("chat_page", "judging_page", "page", "standalone")
    parts = [make(HOSTILE) for name, make in FUNCTIONS.items() if name not in whole]
    return html.page(HOSTILE, *parts, html.standalone(HOSTILE), note=HOSTILE)


def _report(folder: Path) -> str:
    from flamingo_lib.pipeline.record_html import record_card
    from flamingo_lib.pipeline.report import write_report

    run = folder / SHORT.replace("/", "")
    (run / "step" / "report").mkdir(parents=True)
    html.write_fragment(run / "step" / "report" / f"1_{run.name}.html", record_card(rewrites()[2], opened))
    (run / "notebooks").mkdir()
    (run / "notebooks" / f"01_{run.name}.ipynb").touch()
    result = SimpleNamespace(title=HOSTILE, seconds=1.0)
    workspace: Any = SimpleNamespace(folder=run, steps=["step"], results=lambda: {HOSTILE: result})
    return write_report(workspace, {"preset": HOSTILE, "seed": HOSTILE, "commit": "<script>"}).read_text("utf-8")


def _own_data(folder: Path) -> str:
    from flamingo_lib.filters.corpus_alarms import Alarm
    from flamingo_lib.own_data.outcome import Outcome
    from flamingo_lib.own_data.report import write_report

    alarms = [Alarm(HOSTILE, 0.9, 0.1, 3, (HOSTILE,), HOSTILE), Alarm(HOSTILE, 0.0, 0.1, 3, (), HOSTILE)]
    outcome = Outcome(folder / SHORT.replace("/", ""), 3, 2, _funnel(), alarms, 1.0)
    container = SimpleNamespace(path=folder / SHORT.replace("/", ""), kind=HOSTILE)
    schema = SimpleNamespace(name=HOSTILE, words=HOSTILE)
    data: Any = SimpleNamespace(roots=lambda: folder, container=container, schema=schema)
    return write_report(folder / "report.html", data, outcome, rewrites()).read_text("utf-8")


def _evaluation(folder: Path) -> str:
    from flamingo_lib.evaluation.claims import claims_table
    from flamingo_lib.evaluation.exhibit import Exhibit, Table
    from flamingo_lib.evaluation.figures import matrix_plot
    from flamingo_lib.evaluation.predictions import Prediction
    from flamingo_lib.evaluation.report import report_sections, write_page

    made = [
        Prediction(str(number), model, 0, pool, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), HOSTILE, scores=scores)
        for model in ("base", "stage1", "stage2", "raw", HOSTILE)
        for pool in ("held_in", "captions")
        for number, scores in enumerate([{"correct": 1.0, "reward": 0.5, "nli": 1.0}, {"correct": 0.0, "reward": 0.1}])
    ]
    claim = dict.fromkeys(("claim", "paper", "ours", "reason", "rule", "group"), HOSTILE)
    claims = [{**claim, "low": 0.1, "high": 0.2, "holds": holds, "seeds": HOSTILE} for holds in (True, False, None)]
    exhibit = Exhibit(
        HOSTILE,
        (Table((HOSTILE, "b"), ((HOSTILE, 1.0), (HOSTILE, None)), HOSTILE),),
        matrix_plot(["<script>", "$\\frac{$"], np.array([[0.1, 0.2], [0.3, 0.4]]), "$\\badcommand$"),
        HOSTILE,
        (HOSTILE,),
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "constrained_layout not applied")  # names of many lines leave no room
        sections = {**report_sections(made), HOSTILE: claims_table(claims, {}), f"{HOSTILE} 2": exhibit.markup()}
    return write_page(folder / "page.html", sections, title=HOSTILE, notes=HOSTILE).read_text("utf-8")


def _judging(folder: Path) -> str:
    import json

    from flamingo_lib.evaluation.human.page import write_judging_page
    from flamingo_lib.evaluation.human.pairs import make_pairs

    name = SHORT.replace("/", "") + ".png"
    Image.new("RGB", (9, 9), "tan").save(folder / name)
    for side in ("a", "b"):
        row = {
            "id": HOSTILE,
            "instruction": HOSTILE,
            "response": f"{HOSTILE} {side}",
            "references": [HOSTILE],
            "images": [name],
        }
        (folder / f"{side}.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    pairs = make_pairs(folder / "a.jsonl", folder / "b.jsonl")
    return write_judging_page(folder / "page.html", pairs, folder, reference=True).read_text("utf-8")


def _session(_folder: Path) -> str:
    from flamingo_lib.serving.session import ChatSession

    words = HOSTILE.split(" ")
    rendered = SimpleNamespace(ids=range(len(words)), loss_mask=[True] * len(words), attended=[1] * len(words))
    processor = SimpleNamespace(
        template=SimpleNamespace(render=lambda _: rendered),
        tokenizer=SimpleNamespace(decode=lambda ids: words[ids[0]]),
    )
    session: Any = SimpleNamespace(turns=[Turn(HOSTILE, HOSTILE)], processor=processor)
    return ChatSession.html(session)


def _inspector(_folder: Path) -> str:
    from flamingo_lib.widgets.inspector import Inspector

    inspector = Inspector(rewrites(), opened)
    shown = [str(inspector.view.value)]
    inspector._turn(1)
    return shown[0] + str(inspector.view.value)


def _shown(_folder: Path) -> str:
    from flamingo_lib.widgets import show

    parts = [
        show.table([{HOSTILE: HOSTILE, "b": 1}]),
        show.pictures([opened(sample())[0]], [HOSTILE], boxes=[sample().boxes]),
        show.records(rewrites(), opened),
        show.texts({HOSTILE: HOSTILE}),
    ]
    return "".join(str(part.data) for part in parts)


def _static_frames(_folder: Path) -> str:
    from flamingo_lib import widgets
    from flamingo_lib.evaluation.predictions import Prediction
    from flamingo_lib.scenes.graph import draw_scene
    from flamingo_lib.widgets.threshold_explorer import Scored
    from tests.serving.fakes import EchoBackend

    said = {
        model: [
            Prediction(
                *(HOSTILE, model, 0, "held_in", HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), said), scores={"correct": right}
            )
        ]
        for model, said, right in ((HOSTILE, HOSTILE, 1.0), ("raw", f"{HOSTILE} more", 0.0))
    }
    names = {"first": HOSTILE, "second": "raw"}
    tokens = ["<image>", HOSTILE], [1, 1], np.full((1, 1, 2, 4), 0.25)
    pair = dict.fromkeys(("id", "instruction", "raw", "first"), HOSTILE)
    pair |= {"second": HOSTILE + " more", "reward": [0, 1], "scenes": [draw_scene(0, "x").to_json()]}
    scored = Scored(HOSTILE, HOSTILE, {"nli": 1.0}, {"nli": True})
    frames: list[Any] = [
        widgets.AnswerBrowser(said, lambda _: opened(sample()), **names),
        widgets.AskTheScene({HOSTILE: lambda scene, question: HOSTILE}, question=HOSTILE),
        widgets.AttentionViewer(opened(sample())[0], *tokens, token=1),
        widgets.ChatBench({HOSTILE: EchoBackend()}, {HOSTILE: opened(sample())[0]}, [(HOSTILE, [HOSTILE])]),
        widgets.DistortionBench([(HOSTILE, HOSTILE)]),
        widgets.GenerationViewer([pair]),
        widgets.RewriteBench(lambda *_: HOSTILE, [replace(sample(), raw=HOSTILE[:500])], opened),
        widgets.SceneEditor(draw_scene(0, "hostile"), HOSTILE),
        widgets.StageDiff(said, lambda _: opened(sample()), **names),
        widgets.ThresholdExplorer([scored], FiltersConfig()),
        *(widgets.VerdictRecorder([(Rewrite(replace(sample(), raw=HOSTILE), HOSTILE), False)], opened) for _ in "12"),
    ]
    frames[-1].keep.click()  # the summary
    return "".join(frame._repr_mimebundle_()["text/html"] for frame in frames)


def _sheet(_folder: Path) -> str:
    from flamingo_lib.sources.sheet import sample_sheet

    return sample_sheet([(sample(), opened(sample()))], title=HOSTILE, about=HOSTILE)


def _pairs(_folder: Path) -> str:
    from flamingo_lib.distortion.page import pairs_page

    pairs = [
        Pair(HOSTILE, HOSTILE, (SHORT,), HOSTILE, HOSTILE, HOSTILE + " more", way, HOSTILE) for way in ("llm", "noise")
    ]
    return pairs_page(pairs, title=HOSTILE, note=HOSTILE, picture=lambda _: "data:image/png;base64,AAAA")


def _funnel_page(folder: Path) -> str:
    from flamingo_lib.filters.funnel import funnel_html

    return html.write_page(folder / "funnel.html", f"{HOSTILE}: the funnel", funnel_html(_funnel())).read_text("utf-8")


def _windows(folder: Path) -> str:
    from flamingo_lib.html import Segment, strip_chart, table

    strip = strip_chart([[Segment(0, 9, "full", HOSTILE, 1, HOSTILE)]], 9, title=HOSTILE, caption=HOSTILE, name=HOSTILE,
                        legend=[(HOSTILE, "half", 1)])  # fmt: skip
    page = html.write_page(folder / "w.html", f"Windows of {HOSTILE}", table([HOSTILE], [[HOSTILE]]), strip)
    return page.read_text("utf-8")


def _explain(folder: Path) -> str:
    from flamingo_lib.pipeline.record_html import record_card

    page = html.write_page(folder / "e.html", HOSTILE, record_card(rewrites()[1], opened))
    return page.read_text("utf-8")


def _exported(folder: Path) -> str:
    from flamingo_lib.exports.card import export_report
    from flamingo_lib.filters.corpus_alarms import Alarm

    summary = {"records": 3, "left_out": {HOSTILE: 1}, "scores": [HOSTILE], "licences": {HOSTILE: 1},
               "sources": {HOSTILE: 1}, "styles": {HOSTILE: 1}}  # fmt: skip
    target: Any = SimpleNamespace(TITLE=HOSTILE)
    alarms = [Alarm(HOSTILE, 0.9, 0.1, 3, (HOSTILE,), HOSTILE)]
    return export_report(folder / "r.html", target, summary, alarms, title=HOSTILE).read_text("utf-8")


def _by_source(_folder: Path) -> str:
    from flamingo_lib.evaluation.on_sources import METRICS, sources_html

    values = {"questions": HOSTILE, "metrics": {METRICS[0].name: {"value": 0.5}}}
    return html.page(HOSTILE, sources_html({HOSTILE: {HOSTILE: values}}))


def _exercise(_folder: Path) -> str:
    from flamingo_lib.teaching.outcome import Outcome

    return Outcome(HOSTILE, False, HOSTILE)._repr_html_()


def _chat_file(folder: Path) -> str:
    from flamingo_lib.cli.serve import write_chat_page

    write_chat_page("http://localhost:8000/v1", HOSTILE, folder / "chat.html")
    return (folder / "chat.html").read_text("utf-8")


PAGES: dict[str, tuple[Page, tuple[str, ...]]] = {
    "every function": (_every_function, ()),
    "report": (_report, ("pipeline.report", "pipeline.steps.filter", "pipeline.steps.evaluate")),
    "records": (lambda _: __import__("flamingo_lib.widgets.show", fromlist=["x"]).records(rewrites(), opened).data,
                ("pipeline.record_html",)),
    "inspector": (_inspector, ("widgets.inspector",)),
    "static frames": (_static_frames, ("widgets.static_frame", "widgets.ask_the_scene", "widgets.rewrite_bench")),
    "notebook outputs": (_shown, ("widgets.show",)),
    "explain": (_explain, ("cli.rewrite",)),
    "sources": (_sheet, ("sources.sheet",)),
    "distorted pairs": (_pairs, ("distortion.page",)),
    "own data": (_own_data, ("own_data.report",)),
    "evaluation and study": (_evaluation, ("evaluation.report", "cli.evaluate", "pipeline.steps.figures")),
    "judging": (_judging, ("evaluation.human.page",)),
    "chat": (lambda _: html.chat_page(HOSTILE), ("serving.app",)),
    "tokens of a chat": (_session, ("serving.session",)),
    "funnel": (_funnel_page, ("pf1m.build",)),
    "chat in a file": (_chat_file, ("cli.serve",)),
    "export": (_exported, ("exports.card",)),
    "answers by source": (_by_source, ("pipeline.steps.examine_sources",)),
    "exercise": (_exercise, ("teaching.outcome",)),
    "windows": (_windows, ("cli.windows", "pipeline.steps.packing")),
}  # fmt: skip
"""Name -> (what makes it, the modules of the library that show it)."""

MAKERS = {"page", "write_page", "standalone", "chat_page", "judging_page", "write_fragment"}


def page_modules() -> set[str]:
    """Modules outside `flamingo_lib.html` that call one of its functions which make or write a page or fragment."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        if name.startswith("html."):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        called = {
            node.func.id if isinstance(node.func, ast.Name) else node.func.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute)
        }
        taken = {
            alias.asname or alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        if called & MAKERS and (taken & MAKERS or "html" in taken):
            found.add(name)
    return found
