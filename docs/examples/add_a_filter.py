"""Add a filter: a callable over a batch of rewrites that gives one verdict each, in order.

To let presets name it in `filters.chain`, add its name to `FilterName` in `flamingo_lib/config_types.py` and a branch
to `build_filters` in `flamingo_lib/filters/chain.py`.

Prints:
birds/1 kept
birds/2 dropped by question: it asks back
"""

from flamingo_lib.config import FiltersConfig
from flamingo_lib.filters.chain import Chain, build_filters
from flamingo_lib.filters.verdict import Outcome, dropped, passed
from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import VQA_TASKS, Rewrite, Sample


class QuestionFilter:
    """Drops answers that end with a question; the score is the number of question marks."""

    name, tasks = "question", VQA_TASKS

    def __call__(self, rewrites):
        """Judge the batch."""
        return [Outcome(self._verdict(rewrite.final.strip())) for rewrite in rewrites]

    def _verdict(self, text):
        marks = text.count("?")
        if text.endswith("?"):
            return dropped(self.name, "it asks back", marks, 0)
        return passed(self.name, marks, 0)


if __name__ == "__main__":
    config = FiltersConfig(chain=("length", "change"))
    chain = Chain(config, filters=[*build_filters(config, Judges()), QuestionFilter()])
    texts = ("The bird in the picture is a robin.", "It may be a robin, but what do you think?")
    samples = [Sample(f"birds/{n}", "birds", "vqa", (), "What bird is this?", "robin") for n in (1, 2)]
    for rewrite in chain(map(Rewrite, samples, texts)):
        last = rewrite.verdicts[-1]
        print(rewrite.sample.id, "kept" if rewrite.kept else f"dropped by {last.filter}: {last.reason}")
