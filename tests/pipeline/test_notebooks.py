"""Running notebooks: in order, once for the same code and settings, and one clear message when one fails."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import nbformat
import pytest

from flamingo_lib.errors import ConfigError, DataError, FlamingoError, MissingAsset
from flamingo_lib.pipeline.notebook_files import notebook_paths
from flamingo_lib.pipeline.notebook_outputs import normalise, refresh, take_over, unnormalised
from flamingo_lib.pipeline.notebooks import early_notebooks, parameters, run_notebooks
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.pipeline.schedule import run_steps
from flamingo_lib.pipeline.step import Job, Step
from flamingo_lib.presets import load_preset

PARAMETERS = 'run = "tiny-0"\npreset = "tiny"\nseed = 0\nsettings = []'


def write(folder: Path, name: str, *sources: str, parameters: str = PARAMETERS) -> Path:
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    )
    notebook.cells = [nbformat.v4.new_code_cell(parameters, id="parameters", metadata={"tags": ["parameters"]})]
    notebook.cells += [nbformat.v4.new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / name)
    return folder / name


def workspace(tmp_path: Path, *overrides: str) -> Workspace:
    return Workspace(
        tmp_path / "run", load_preset("tiny", overrides, 3), steps=[Step("nothing", "rest", lambda job: {})]
    )


@pytest.fixture
def quiet(monkeypatch):
    monkeypatch.setenv("CI", "true")


def test_notebooks_run_in_order_once(tmp_path, quiet):
    folder = tmp_path / "notebooks"
    write(folder, "01_second.ipynb", f"open({str(tmp_path / 'log')!r}, 'a').write('second ')")
    write(folder, "00_first.ipynb", f"open({str(tmp_path / 'log')!r}, 'a').write(f'first:{{seed}}:{{settings}} ')")
    said: list[str] = []
    place = workspace(tmp_path, "scenes.raw_scenes=7")
    assert list(run_notebooks(place, folder=folder, say=said.append)) == ["00_first.ipynb", "01_second.ipynb"]
    assert (tmp_path / "log").read_text() == "first:3:['scenes.raw_scenes=7'] second "
    assert said == ["notebook 1 of 2: 00_first.ipynb", "notebook 2 of 2: 01_second.ipynb"]
    assert run_notebooks(place, folder=folder, say=said.append) == {}
    write(folder, "01_second.ipynb", "print('changed')")
    assert list(run_notebooks(place, folder=folder, say=said.append)) == ["01_second.ipynb"]
    outputs = nbformat.read(place.folder / "notebooks" / "01_second.ipynb", 4).cells[-1].outputs
    assert outputs[0].text == "changed\n"
    left = sorted(path.name for path in (place.folder / "notebooks").iterdir())
    assert left == ["00_first.ipynb", "01_second.ipynb", "manifest.json"]


def test_notebooks_that_name_their_steps_are_done_beside_the_others(tmp_path, quiet):
    """The early one ends before the last step, which waits for it; the others come behind all."""
    folder, place = tmp_path / "notebooks", Workspace(tmp_path / "run", load_preset("tiny"), steps=two_steps())
    early = write(folder, "01_early.ipynb", f"open({str(tmp_path / 'read')!r}, 'w').write(run)")
    with_metadata(early, {"flamingo": {"steps": ["first"]}})
    write(folder, "00_late.ipynb", f"print(open({str(place.folder / 'second' / 'seen')!r}).read())")
    said: list[str] = []
    calls = early_notebooks(place, folder=folder, say=said.append)
    assert [call.label for call in calls] == ["01_early.ipynb"] and not said
    run_steps([(place, "first"), (place, "second")], two_steps, jobs=2, beside=calls)
    assert (place.folder / "second" / "seen").read_text() == str(place.folder)
    assert said == ["notebook 2 of 2: 01_early.ipynb"]
    assert list(run_notebooks(place, folder=folder, say=said.append)) == ["00_late.ipynb"]
    assert early_notebooks(place, folder=folder) == []


def two_steps(preset=None) -> list[Step]:
    return [Step("first", "wait for nothing", lambda job: {}), Step("second", "wait", wait_for_it, inputs=("first",))]


def wait_for_it(job: Job) -> dict[str, int]:
    """Ends when the early notebook, which reads only the first step, has written."""
    read = job.cache.parent.parent / "read"
    _wait_for(lambda: read.exists() and read.read_text(), 120)
    (job.folder / "seen").write_text(read.read_text())
    return {}


def test_steps_go_on_when_an_early_notebook_fails(tmp_path, quiet):
    folder, place = tmp_path / "notebooks", Workspace(tmp_path / "run", load_preset("tiny"), steps=two_steps())
    work = f"open({str(tmp_path / 'read')!r}, 'w').write('read'); 1 / 0"
    with_metadata(write(folder, "00_early.ipynb", work), {"flamingo": {"steps": ["first"]}})
    said: list[str] = []
    calls = early_notebooks(place, folder=folder, say=said.append)
    run_steps([(place, "first"), (place, "second")], two_steps, jobs=2, beside=calls)
    assert place.result("second") is not None
    assert said[1:] == ["00_early.ipynb failed, and is executed again behind all steps"]
    with pytest.raises(FlamingoError, match="notebook 00_early.ipynb failed in cell 2: ZeroDivisionError"):
        run_notebooks(place, folder=folder, say=said.append)


@pytest.mark.parametrize("named", [["first", "no such step"], "first", [1], None])
def test_a_notebook_that_names_no_known_steps_waits_for_all(tmp_path, named):
    place = Workspace(tmp_path / "run", load_preset("tiny"), steps=two_steps())
    with_metadata(write(tmp_path / "notebooks", "00_one.ipynb"), {"flamingo": {"steps": named}})
    assert early_notebooks(place, folder=tmp_path / "notebooks") == []


def test_a_failing_notebook_is_one_clear_message(tmp_path, quiet):
    folder = tmp_path / "notebooks"
    write(
        folder,
        "00_bad.ipynb",
        "print('before')",
        "from flamingo_lib.errors import DataError\nraise DataError('the well is dry', file='well.json')",
    )
    place = workspace(tmp_path)
    with pytest.raises(
        FlamingoError,
        match=r"00_bad\.ipynb failed in cell \d: the well is dry \(file well\.json\)\. See .*00_bad\.failed\.ipynb",
    ):
        run_notebooks(place, folder=folder, say=lambda line: None)
    assert sorted(path.name for path in (place.folder / "notebooks").iterdir()) == ["00_bad.failed.ipynb"]
    write(folder, "00_bad.ipynb", "1/0")
    with pytest.raises(FlamingoError, match="ZeroDivisionError: division by zero"):
        run_notebooks(place, folder=folder, say=lambda line: None)
    write(folder, "00_bad.ipynb", "1")
    run_notebooks(place, folder=folder, say=lambda line: None)
    assert sorted(path.name for path in (place.folder / "notebooks").iterdir()) == ["00_bad.ipynb", "manifest.json"]


def test_a_dead_kernel_is_one_clear_message(tmp_path, quiet):
    folder = tmp_path / "notebooks"
    write(folder, "00_dies.ipynb", "import os; os._exit(9)")
    with pytest.raises(FlamingoError, match="its kernel died"):
        run_notebooks(workspace(tmp_path), folder=folder, say=lambda line: None)


def test_a_notebook_without_the_parameters_is_refused_before_any_runs(tmp_path):
    folder = tmp_path / "notebooks"
    write(folder, "00_fine.ipynb", "1")
    write(folder, "01_odd.ipynb", "1", parameters='run = "x"\nsede = 0')
    said: list[str] = []
    with pytest.raises(ConfigError, match=r"no parameter 'preset'.*01_odd"):
        run_notebooks(workspace(tmp_path), folder=folder, say=said.append)
    assert not said


def test_a_missing_folder_and_a_broken_notebook(tmp_path):
    with pytest.raises(MissingAsset, match="no notebooks"):
        notebook_paths(tmp_path / "nowhere")
    (tmp_path / "00_broken.ipynb").write_text('{"cells": 3}')
    with pytest.raises(FlamingoError, match=r"not a notebook.*00_broken"):
        run_notebooks(workspace(tmp_path), folder=tmp_path, say=lambda line: None)


def test_parameters_lead_to_the_same_preset(tmp_path):
    place = workspace(tmp_path, "stages.stage1.max_steps=4", "filters.min_words=9", "rewriting.limit_per_source=7")
    values = parameters(place)
    json.dumps(values)
    assert values["settings"] == ["rewriting.limit_per_source=7", "filters.min_words=9", "stages.stage1.max_steps=4"]
    assert load_preset(values["preset"], values["settings"], values["seed"]) == place.preset


def test_outputs_are_taken_over_and_normalised(tmp_path):
    path = write(tmp_path / "committed", "00_a.ipynb", "print('x')", "2")
    executed = nbformat.read(path, 4)
    executed.cells.insert(1, nbformat.v4.new_code_cell("seed = 5", metadata={"tags": ["injected-parameters"]}))
    executed.metadata.papermill = {"duration": 1.5}
    executed.cells[2].outputs = [
        nbformat.v4.new_output("stream", name="stderr", text="slow: 3 s left\n"),
        nbformat.v4.new_output("stream", name="stdout", text="x\n"),
    ]
    widget = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"}
    executed.cells[3].outputs = [
        nbformat.v4.new_output("display_data", data=widget),
        nbformat.v4.new_output("execute_result", data={"text/plain": "2"}, execution_count=9),
    ]
    executed.cells[3].metadata.execution = {"iopub.status.busy": "now"}
    (tmp_path / "done").mkdir()
    nbformat.write(executed, tmp_path / "done" / "00_a.ipynb")
    assert unnormalised(tmp_path / "committed") == [path]
    assert take_over(tmp_path / "done", tmp_path / "committed") == [path]
    cells = nbformat.read(path, 4).cells
    assert [cell.id for cell in cells] == ["parameters", "cell-0", "cell-1"]
    assert [cell.execution_count for cell in cells] == [1, 2, 3]
    assert [output.text for output in cells[1].outputs] == ["x\n"]
    assert [(output.data, output.execution_count) for output in cells[2].outputs] == [({"text/plain": "2"}, 3)]
    assert unnormalised(tmp_path / "committed") == []
    with pytest.raises(MissingAsset, match="was not executed"):
        take_over(tmp_path / "nowhere", tmp_path / "committed")


def test_code_that_changed_since_it_was_executed_gets_no_outputs(tmp_path):
    write(tmp_path / "done", "00_a.ipynb", "1 + 1", parameters="seed = 5")
    path = write(tmp_path / "committed", "00_a.ipynb", "1 + 2")
    before = path.read_bytes()
    with pytest.raises(FlamingoError, match="'cell-0' has changed since it was executed") as raised:
        take_over(tmp_path / "done", tmp_path / "committed")
    assert "make pipeline" in str(raised.value) and path.read_bytes() == before
    write(tmp_path / "done", "00_a.ipynb", "1 + 2", parameters="seed = 5")
    assert take_over(tmp_path / "done", tmp_path / "committed") == [path]


@pytest.fixture
def book(tmp_path, quiet):
    """A committed notebook and its solution, and a run that executed the notebook alone."""
    folder, place = tmp_path / "committed", workspace(tmp_path)
    write(folder, "00_a.ipynb", "print('main', seed)")
    write(folder / "solutions", "00_a.ipynb", f"open({str(tmp_path / 'log')!r}, 'a').write('x')", "print('solved')")
    place.step("nothing")
    run_notebooks(place, folder=folder, say=lambda line: None)
    return folder, place


def test_solutions_are_executed_once_and_taken_over_with_the_notebooks(book, tmp_path):
    folder, place = book
    solution, said = folder / "solutions" / "00_a.ipynb", []
    assert not (place.folder / "notebooks" / "solutions").exists()
    assert refresh(place, folder, say=said.append) == [folder / "00_a.ipynb", solution]
    assert nbformat.read(folder / "00_a.ipynb", 4).cells[-1].outputs[0].text == "main 3\n"
    cells = nbformat.read(solution, 4).cells
    assert cells[-1].outputs[0].text == "solved\n" and [cell.execution_count for cell in cells] == [1, 2, 3]
    assert unnormalised(folder) == []
    refresh(place, folder, say=said.append)
    assert (tmp_path / "log").read_text() == "x" and said == ["notebook 1 of 1: 00_a.ipynb"]


def test_a_failing_solution_changes_no_notebook(book):
    folder, place = book
    write(folder / "solutions", "00_a.ipynb", "1/0")
    before = (folder / "00_a.ipynb").read_bytes()
    with pytest.raises(FlamingoError, match="ZeroDivisionError"):
        refresh(place, folder, say=lambda line: None)
    assert (folder / "00_a.ipynb").read_bytes() == before


def test_solutions_do_not_begin_before_the_steps_are_done(book, tmp_path):
    folder, place = book
    steps = [Step("nothing", "rest", lambda job: {}), Step("more", "work", lambda job: {})]
    with pytest.raises(FlamingoError, match="step 'more' is not done"):
        refresh(Workspace(place.folder, place.preset, steps=steps), folder)
    (place.folder / "notebooks" / "00_a.ipynb").unlink()
    with pytest.raises(MissingAsset, match="was not executed"):
        refresh(place, folder)
    assert not (tmp_path / "log").exists()


def test_a_solution_that_is_not_normalised_is_found(book):
    folder, _ = book
    solution = folder / "solutions" / "00_a.ipynb"
    assert unnormalised(folder) == [folder / "00_a.ipynb", solution]
    assert unnormalised(solution.parent) == [solution]


def test_normalise_keeps_tags_and_kernel():
    notebook = nbformat.v4.new_notebook(
        metadata={
            "kernelspec": {"name": "python3", "display_name": "3"},
            "widgets": {},
            "language_info": {"name": "python"},
        }
    )
    notebook.cells = [nbformat.v4.new_code_cell("1", metadata={"tags": ["parameters"], "papermill": {}})]
    normalise(notebook)
    assert set(notebook.metadata) == {"kernelspec"} and dict(notebook.cells[0].metadata) == {"tags": ["parameters"]}


SCRIPT = """
    import sys
    from pathlib import Path
    from flamingo_lib.pipeline.notebooks import run_notebooks
    from flamingo_lib.pipeline.step import Step
    from flamingo_lib.pipeline.run_folder import Workspace
    from flamingo_lib.presets import load_preset

    place = Workspace(sys.argv[1], load_preset(), steps=[Step("nothing", "rest", lambda job: {})])
    run_notebooks(place, folder=Path(sys.argv[2]))
"""
CELL = """
    import os, time
    from pathlib import Path
    place = Path(run).parent
    (place / "kernel.pid").write_text(str(os.getpid()))
    if not (place / "hurry").exists():
        time.sleep(120)
"""


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_a_killed_run_takes_its_kernel_along_and_can_go_on(tmp_path, quiet, kill):
    write(tmp_path / "notebooks", "00_slow.ipynb", textwrap.dedent(CELL))
    script, pid = tmp_path / "script.py", tmp_path / "kernel.pid"
    script.write_text(textwrap.dedent(SCRIPT))
    command = [sys.executable, str(script), str(tmp_path / "run"), str(tmp_path / "notebooks")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _wait_for(lambda: pid.exists() and pid.read_text())
    kernel = int(pid.read_text())
    process.send_signal(kill)
    assert process.wait(timeout=30) != 0
    _wait_for(lambda: not _alive(kernel))
    (tmp_path / "hurry").touch()
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 0
    assert sorted(path.name for path in (tmp_path / "run" / "notebooks").iterdir()) == [
        "00_slow.ipynb",
        "manifest.json",
    ]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (OSError, IndexError):
        return False


def _wait_for(condition, seconds: float = 30.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)


def with_metadata(path: Path, metadata: dict) -> Path:
    content = json.loads(path.read_text())
    path.write_text(json.dumps(content | {"metadata": metadata}))
    return path


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "conda-env-other-py", "display_name": "Other", "language": "python"}},
        {"kernelspec": {"name": "conda-env-other-py"}},
        {},
    ],
    ids=["of another environment", "without a language", "none"],
)
def test_any_python_notebook_runs_with_this_environments_python(tmp_path, quiet, metadata, monkeypatch):
    shadow = tmp_path / "jupyter" / "kernels" / "python3"
    shadow.mkdir(parents=True)
    spec = {"argv": ["/no/such/python", "-f", "{connection_file}"], "display_name": "Other", "language": "python"}
    (shadow / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    path = write(tmp_path / "notebooks", "00_a.ipynb", "import sys\nprint(sys.executable)")
    with_metadata(path, metadata)
    place = workspace(tmp_path)
    assert list(run_notebooks(place, folder=path.parent, say=lambda line: None)) == ["00_a.ipynb"]
    outputs = nbformat.read(place.folder / "notebooks" / "00_a.ipynb", 4).cells[-1].outputs
    assert outputs[0].text == f"{sys.executable}\n"


def test_a_notebook_of_another_language_is_named_with_its_kernel(tmp_path, quiet):
    path = write(tmp_path / "notebooks", "00_a.ipynb", "1 + 1")
    with_metadata(path, {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}})
    with pytest.raises(ConfigError, match=r"kernel 'ir' is for R.*00_a\.ipynb.*Choose a Python kernel"):
        run_notebooks(workspace(tmp_path), folder=path.parent, say=lambda line: None)


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"cells": 1}', '{"cells": [{}]}', '{"cells": [{"cell_type": 1}]}']
)
def test_what_is_no_notebook_is_named(tmp_path, quiet, content):
    path = write(tmp_path / "notebooks", "00_a.ipynb")
    path.write_text(content)
    with pytest.raises(DataError, match=r"00_a\.ipynb") as error:
        run_notebooks(workspace(tmp_path), folder=path.parent, say=lambda line: None)
    assert "'cells'" not in str(error.value)


def test_a_kernel_that_cannot_start_is_one_clear_error(tmp_path, quiet, monkeypatch):
    path = write(tmp_path / "notebooks", "00_a.ipynb", "1 + 1")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(FlamingoError, match=r"00_a\.ipynb could not be run") as error:
        run_notebooks(workspace(tmp_path), folder=path.parent, say=lambda line: None)
    assert "no-python" in str(error.value)
