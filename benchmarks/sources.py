"""Reading annotation files: speed against pycocotools, memory on a million records.

Run `python benchmarks/sources.py [--quick] [--json FILE]`. pycocotools comes with the extra `bench`.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

from distortion_speed import ROWS as DISTORTION_ROWS
from harness import Row, in_fresh_process, main

WORDS = (
    "a man on red horse with two dogs near the old house while children play behind wide green tree under blue sky"
).split()

OURS = """
import sys, time
from flamingo_lib.sources import load_source
start = time.process_time()
count = sum(1 for _ in load_source("mscoco-captions", sys.argv[1], "train", check_images=False))
assert count == int(sys.argv[2]), count
print(time.process_time() - start)
"""

THEIRS = """
import sys, time, io, contextlib
from pycocotools.coco import COCO
start = time.process_time()
with contextlib.redirect_stdout(io.StringIO()):
    index = COCO(sys.argv[1] + "/annotations/captions_train2014.json")
assert len(index.imgs) == int(sys.argv[2])
print(time.process_time() - start)
"""

MILLION = """
import sys
from flamingo_lib.sources import load_source
print(sum(1 for _ in load_source(sys.argv[1], sys.argv[2], sys.argv[3], check_images=False)))
"""


def sentence(draw: random.Random, words: int = 10) -> str:
    """A caption's worth of words."""
    return " ".join(draw.choices(WORDS, k=words)) + "."


def write_coco(root: Path, images: int) -> None:
    """A captions file with five captions an image, as COCO's own: one line, images before annotations, captions in any
    order.
    """
    draw = random.Random(0)
    name = "COCO_train2014_{:012d}.jpg"
    listed = [
        {
            "license": 5,
            "file_name": name.format(number),
            "coco_url": "http://images.cocodataset.org/train2014/" + name.format(number),
            "height": 480,
            "width": 640,
            "date_captured": "2013-11-14 16:28:13",
            "flickr_url": "http://farm4.staticflickr.com/3153/2970773875_164f0c0b83_z.jpg",
            "id": number,
        }
        for number in range(1, images + 1)
    ]
    captions = [{"image_id": 1 + index // 5, "id": index, "caption": sentence(draw)} for index in range(images * 5)]
    draw.shuffle(captions)
    (root / "annotations").mkdir(parents=True)
    content = {"info": {"year": 2014}, "images": listed, "licenses": [{"id": 5}], "annotations": captions}
    (root / "annotations/captions_train2014.json").write_text(json.dumps(content))


def coco_read_vs_pycocotools(quick: bool) -> float:
    """Seconds to the last sample over seconds to pycocotools' index, both of the same file, each in a process of its
    own.
    """
    images = 30_000 if quick else 100_000
    with tempfile.TemporaryDirectory() as folder:
        write_coco(Path(folder), images)
        theirs, _ = in_fresh_process(THEIRS, folder, str(images))
        ours, _ = in_fresh_process(OURS, folder, str(images))
    return ours / theirs


def jsonl_million_peak_mb(quick: bool) -> float:
    """Peak memory, MB, of a process that streams a million dialogue lines; the larger of JSON lines and one JSON object
    of as many.
    """
    count = 200_000 if quick else 1_000_000
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with open(root / "ultrachat_release.json", "w") as file:
            for number in range(count):
                talk = [sentence(draw, 8), sentence(draw, 20), sentence(draw, 8), sentence(draw, 20)]
                file.write(json.dumps({"id": str(number), "data": talk}) + "\n")
        lines, lines_mb = in_fresh_process(MILLION, "ultrachat", folder, "train")
        with open(root / "train_balanced_questions.json", "w") as file:
            file.write("{")
            for number in range(count):
                record = {
                    "imageId": str(number // 8),
                    "question": sentence(draw),
                    "answer": "red",
                    "fullAnswer": sentence(draw),
                    "semantic": [],
                }
                file.write(("," if number else "") + f'"{number:08d}": ' + json.dumps(record))
            file.write("}")
        keyed, keyed_mb = in_fresh_process(MILLION, "gqa", folder, "train")
    assert lines == keyed == count, (lines, keyed)
    return max(lines_mb, keyed_mb)


ROWS = [
    Row(
        "coco_read_vs_pycocotools",
        "time to read COCO captions as samples / pycocotools' index",
        coco_read_vs_pycocotools,
        at_most=1.0,
        runs=9,
    ),
    Row(
        "jsonl_million_peak_mb",
        "peak memory of streaming a million records, MB",
        jsonl_million_peak_mb,
        at_most=300,
        runs=1,
    ),
]

if __name__ == "__main__":
    main([*ROWS, *DISTORTION_ROWS])
