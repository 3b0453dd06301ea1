"""Add a dataset: a row of the catalogue and, where no reader knows its format yet, a reader.

In the library a row stands in `flamingo_lib/sources/catalog` and a reader in `flamingo_lib/sources/formats`; here both
are registered at run time. `flamingo sources check NAME ROOT` checks a copy of a dataset of the catalogue.

Prints:
bird-questions/train/7: 'What bird is this?' -> 'robin'
put aside: a field is missing: answer
"""

import json
from pathlib import Path

from PIL import Image

from flamingo_lib.sources import CATALOG, DatasetSpec, load_source
from flamingo_lib.sources.catalog.spec import plain
from flamingo_lib.sources.formats import READERS
from flamingo_lib.storage import Quarantine


def bird_questions(reader):
    """One sample a record; whatever is wrong with a record puts that record aside, and no other."""
    file = reader.file("annotations")
    for _, key, record in reader.items(file):
        with reader.keep(file, record.get("id", key)):
            image = reader.image(file=record["image"])
            yield reader.sample(record["id"], instruction=record["question"], raw=record["answer"], images=(image,))


CATALOG["bird-questions"] = DatasetSpec(
    name="bird-questions", title="Bird Questions", task="vqa", format="bird-questions",
    files={"annotations": ("birds_{split}.json",)}, images=("images/{file}",), splits=plain("train", "val"),
    licence="CC BY 4.0", homepage="https://example.org/birds", citation="Doe, Birds, 2026",
)  # fmt: skip
READERS["bird-questions"] = bird_questions

if __name__ == "__main__":
    Path("birds/images").mkdir(parents=True)
    Image.new("RGB", (32, 32), "firebrick").save("birds/images/7.png")
    whole = {"id": 7, "image": "7.png", "question": "What bird is this?", "answer": "robin"}
    broken = {"id": 8, "image": "7.png", "question": "And this?"}
    Path("birds/birds_train.json").write_text(json.dumps([whole, broken]))
    quarantine = Quarantine(max_share=0.5)
    for sample in load_source("bird-questions", "birds", "train", quarantine=quarantine):
        print(f"{sample.id}: {sample.instruction!r} -> {sample.raw!r}")
    print("put aside:", quarantine.entries[0]["reason"])
