"""The fake job of `job_script`, over a local Ray of two workers. Usage: ray_script.py OUT RECORDS SHARD_SIZE
[option=value ...].
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from job_script import MakeWork, Samples, options

from flamingo_lib.rewriting.executors.ray import Stage, run_ray_job


class Rewriting:
    """The first stage: the fake rewriter."""

    def __init__(self, given):
        self.given = given

    def __call__(self):
        work = MakeWork(self.given)()

        class Work:
            tokens = property(lambda self: work.tokens)

            def __call__(self, samples):
                return work(samples, lambda count: None)

        return Work()


class Marking:
    """A later stage: adds a score."""

    def __call__(self):
        return lambda rewrites: [
            replace(rewrite, scores={**rewrite.scores, "words": len(rewrite.output.split())}) for rewrite in rewrites
        ]


def main() -> None:
    import ray

    out, records, size = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    given = options(sys.argv[4:])
    ray.init(num_cpus=2, log_to_driver=False, logging_level="error", include_dashboard=False)
    stages = [Stage("rewrite", Rewriting(given), workers=2, cpus=0.5), Stage("mark", Marking(), workers=1, cpus=0.25)]
    result = run_ray_job(
        Samples(records, -1),
        stages,
        out,
        identity={"rewriter": "a"},
        shard_size=size,
        readers=int(given.get("readers", 1)),
    )
    print(json.dumps({"records": result.records, "shards": result.shards, "found": result.found}))


if __name__ == "__main__":
    main()
