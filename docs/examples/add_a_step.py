"""Add a step to the pipeline: a function from the folders of earlier steps, and settings, to one folder.

In the library a step is a module of `flamingo_lib/pipeline/steps` and stands in `build_steps`. Its result is stored
under a key of its inputs, its settings, the seed and its code: nothing is made twice, and a changed setting redoes only
what depends on it.

Prints:
made {'words.count': 5}
there already {'words.count': 5}
made {'words.count': 4}
"""

from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.pipeline.step import Step
from flamingo_lib.presets import load_preset
from flamingo_lib.storage import read_json, write_json


def write_words(job):
    """Write ``words.json``; what a step returns goes into ``metrics.json``."""
    write_json(job.folder / "words.json", ["robin", "wren", "robin", "finch", "wren"])
    return {}


def count_words(job):
    """Read the folder of the step `words` and a setting; work that is to outlive a kill goes into `job.scratch`."""
    words = read_json(job.inputs["words"] / "words.json")
    return {"words.count": len(words[: job.preset.filters.max_words])}


STEPS = [
    Step("words", "write some words", write_words),
    Step("count", "count them", count_words, inputs=("words",), config=("filters.max_words",)),
]

if __name__ == "__main__":
    for overrides in ([], [], ["filters.max_words=4"]):
        result = Workspace("run", load_preset("tiny", overrides), steps=STEPS).step("count")
        print("made" if result.fresh else "there already", dict(result.metrics))
