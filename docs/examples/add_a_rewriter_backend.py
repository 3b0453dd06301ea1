"""Add a rewriter backend: anything that gives one `Rewrite` for each `Sample`, in order, run as a resumable job.

The job cuts the samples into shards and writes each atomically; killed, it goes on where it was. `identity` names all
that decides the texts: a restart with another identity is refused. Filters and export read what any backend wrote.

Prints:
2 records in 1 shards, 0 of them found
birds/1: It is a robin.
birds/2: It is a wren.
"""

from pathlib import Path

from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.rewriter import flags_of
from flamingo_lib.rewriting.shards import read_shards


class SentenceRewriter:
    """Puts the raw annotation into a sentence; a real backend asks a model or a server here."""

    def __call__(self, samples, tick):
        """One rewrite for each sample; `tick(n)` says that n more are done."""
        rewrites = []
        for sample in samples:
            text = f"It is a {sample.raw}."
            rewrites.append(Rewrite(sample, text, flags_of(text, complete=True)))
            tick(1)
        return rewrites


def birds():
    """Opens the stream of samples anew; the same samples each time."""
    for number, name in enumerate(("robin", "wren"), start=1):
        yield Sample(f"birds/{number}", "birds", "vqa", (), "What bird is this?", name)


if __name__ == "__main__":
    out = Path("job")
    done = run_job(birds, SentenceRewriter, out, identity={"rewriter": "sentence 1"})
    print(f"{done.records} records in {done.shards} shards, {done.found} of them found")
    for rewrite in read_shards(out):
        print(f"{rewrite.sample.id}: {rewrite.output}")
