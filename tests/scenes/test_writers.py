import io
import json
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from PIL import Image

from flamingo_lib.config import EvaluationConfig
from flamingo_lib.errors import FlamingoError
from flamingo_lib.presets import load_preset
from flamingo_lib.scenes.changes import check_change
from flamingo_lib.scenes.dialogues import COLORED, MIXES
from flamingo_lib.scenes.formats.grid3d import TASKS
from flamingo_lib.scenes.graph import HELD_OUT_PAIRS
from flamingo_lib.scenes.ground_truth import TruthIndex, answer_correct, check, claims, hallucinated
from flamingo_lib.scenes.lexicon import NUMBERS, PLURALS, RELATION_WORDS, RELATIONS, holds
from flamingo_lib.scenes.questions import answer_question, parse_question
from flamingo_lib.scenes.writers import HELD_OUT_SOURCES, POLITE_SOURCES, RAW_SOURCES, write_scenes
from flamingo_lib.sources import load_source


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def index(world):
    return TruthIndex(world[0])


def test_the_same_seed_gives_the_same_bytes(world, tmp_path, small_config):
    root, manifest = world
    assert write_scenes(tmp_path / "again", small_config, seed=1) == manifest
    files = {path.relative_to(root): path for path in root.rglob("*") if path.is_file()}
    again = {path.relative_to(tmp_path / "again"): path for path in (tmp_path / "again").rglob("*") if path.is_file()}
    assert files.keys() == again.keys()
    assert all(path.read_bytes() == again[name].read_bytes() for name, path in files.items())


def test_pools_do_not_share_scenes(world):
    root, manifest = world
    pools = defaultdict(set)
    for line in (root / "scene_graphs.jsonl").read_text().splitlines():
        row = json.loads(line)
        pools[row["pool"]].add(json.dumps(row["scene"]["objects"], sort_keys=True))
        held_out = {(item["shape"], item["color"]) for item in row["scene"]["objects"]} & HELD_OUT_PAIRS
        assert bool(held_out) == (row["pool"] == "held_out")
    assert set(pools) == set(manifest["pools"])
    assert sum(map(len, pools.values())) == len(set.union(*pools.values()))


def test_every_source_has_records_and_existing_pictures(world, index):
    root, manifest = world
    assert set(manifest["records"]) == {*POLITE_SOURCES, *RAW_SOURCES, *HELD_OUT_SOURCES}
    assert all(number > 0 for splits in manifest["records"].values() for number in splits.values())
    assert len(RAW_SOURCES) >= 8
    for image in index.images:
        path, _, member = (root / image).as_posix().partition("@")
        data = zipfile.ZipFile(path).read(member) if member else Path(path).read_bytes()
        assert Image.open(io.BytesIO(data)).size == (96, 96)


def test_train_files_use_the_raw_pool_and_val_files_the_others(index):
    for image in index.images:
        source, _, path = image.partition("/")
        pool = index.pool(image)
        if source == "llava-instruct":
            assert pool == "polite"
        elif source in HELD_OUT_SOURCES:
            assert pool != "polite"
        elif "val" in path.split("/")[-1] or "/val/" in path or path.startswith("val"):
            assert pool in ("calibration", "evaluation", "held_out")
        elif "train" in path and source not in ("refcocog",):
            assert pool == "raw"


def test_coco_boxes_match_the_scenes_and_ids_have_gaps(world, index):
    root, _ = world
    captions, instances = (
        read(root / "mscoco-captions" / "annotations" / f"{kind}_val2014.json") for kind in ("captions", "instances")
    )
    names = {row["id"]: row["name"] for row in instances["categories"]}
    assert max(names) > len(names) == 48
    files = {row["id"]: row for row in captions["images"]}
    boxes = defaultdict(list)
    for row in instances["annotations"]:
        boxes[row["image_id"]].append((names[row["category_id"]], row))
    for number, image in files.items():
        scene = index.scene(f"val2014/{image['file_name']}", "mscoco-captions")
        assert sorted(name for name, _ in boxes[number]) == sorted(item.name() for item in scene.objects)
        for name, row in boxes[number]:
            item = next(item for item in scene.objects if item.name() == name)
            x, y, w, h = row["bbox"]
            assert x <= item.cx * 96 <= x + w and y <= item.cy * 96 <= y + h
            assert 0.2 * w * h < row["area"] <= 1.01 * w * h
            polygon = row["segmentation"][0]
            assert min(polygon[::2]) == pytest.approx(x, abs=0.07 * w) and max(polygon[1::2]) == pytest.approx(
                y + h, abs=0.07 * h
            )
    per_image = Counter(row["image_id"] for row in captions["annotations"])
    assert set(per_image.values()) == {5}
    for row in captions["annotations"]:
        scene = index.scene(f"val2014/{files[row['image_id']]['file_name']}", "mscoco-captions")
        assert check(scene, row["caption"], repeats=False).ok


def test_vqa_files_join_by_id_and_tell_the_truth(world, index):
    root, _ = world
    for split in ("train", "val"):
        questions = read(root / "vqa-v2" / f"v2_OpenEnded_mscoco_{split}2014_questions.json")["questions"]
        annotations = {
            row["question_id"]: row
            for row in read(root / "vqa-v2" / f"v2_mscoco_{split}2014_annotations.json")["annotations"]
        }
        assert len(annotations) == len(questions)
        for row in questions:
            annotation = annotations[row["question_id"]]
            answers = Counter(item["answer"] for item in annotation["answers"])
            assert sum(answers.values()) == 10 and answers.most_common(1)[0][0] == annotation["multiple_choice_answer"]
            scene = index.scene(f"{split}2014/COCO_{split}2014_{row['image_id']:012d}.jpg", "vqa-v2")
            assert answer_correct(parse_question(row["question"]), annotation["multiple_choice_answer"], scene)
    assert any(len({item["answer"] for item in row["answers"]}) > 1 for row in annotations.values())


def test_aokvqa_records(world, index):
    root, _ = world
    for row in read(root / "a-okvqa" / "aokvqa_v1p0_train.json"):
        scene = index.scene(f"train2017/{row['image_id']:012d}.jpg", "a-okvqa")
        assert len(set(row["choices"])) == 4 and len(row["direct_answers"]) == 10 and len(row["rationales"]) == 3
        question = parse_question(row["question"])
        assert answer_correct(question, row["choices"][row["correct_choice_idx"]], scene)
        assert not any(hallucinated(scene, reason, question) for reason in row["rationales"])


def run_program(record, program):
    """A small independent interpreter of CLEVR programs over a record of the scenes file."""
    results = []
    for step in program:
        inputs, values, name = [results[i] for i in step["inputs"]], step["value_inputs"], step["function"]
        if name == "scene":
            results.append(list(range(len(record["objects"]))))
        elif name.startswith("filter_"):
            results.append([i for i in inputs[0] if record["objects"][i][name[7:]] == values[0]])
        elif name == "unique":
            assert len(inputs[0]) == 1
            results.append(inputs[0][0])
        elif name == "relate":
            results.append(record["relationships"][values[0]][inputs[0]])
        elif name == "count":
            results.append(str(len(inputs[0])))
        elif name == "exist":
            results.append("yes" if inputs[0] else "no")
        elif name == "query_side":
            x = [record["objects"][i]["3d_coords"][0] for i in inputs]
            results.append("left" if x[0] < x[1] else "right")
        elif name == "query_position":
            x, y, _ = record["objects"][inputs[0]]["pixel_coords"]
            row, column = ("top", "middle", "bottom")[int(y // 32)], ("left", "center", "right")[int(x // 32)]
            results.append("center" if (row, column) == ("middle", "center") else f"{row} {column}")
        else:
            results.append(record["objects"][inputs[0]][name[6:]])
    return results[-1]


def test_clevr_programs_give_the_answers(world):
    root, _ = world
    folder = root / "clevr" / "CLEVR_v1.0"
    for split in ("train", "val"):
        records = {row["image_index"]: row for row in read(folder / "scenes" / f"CLEVR_{split}_scenes.json")["scenes"]}
        for row in read(folder / "questions" / f"CLEVR_{split}_questions.json")["questions"]:
            assert run_program(records[row["image_index"]], row["program"]) == row["answer"], row["question"]


def test_gqa_full_answers_and_graphs(world, index):
    root, _ = world
    graphs = read(root / "gqa" / "val_sceneGraphs.json")
    for row in read(root / "gqa" / "val_balanced_questions.json").values():
        scene = index.scene(f"images/{row['imageId']}.jpg", "gqa")
        question = parse_question(row["question"])
        assert answer_correct(question, row["answer"], scene) and answer_correct(question, row["fullAnswer"], scene)
        objects = graphs[row["imageId"]]["objects"]
        assert sorted(item["name"] for item in objects.values()) == sorted(item.shape for item in scene.objects)
        for item in objects.values():
            for relation in item["relations"]:
                other = objects[relation["object"]]
                text = (
                    f"The {item['attributes'][0]} {item['name']} is {relation['name']} the "
                    f"{other['attributes'][0]} {other['name']}."
                )
                assert claims(text) and not hallucinated(scene, text)


def test_spot_the_diff_sentences_are_true(world, index):
    root, _ = world
    records = read(root / "spot-the-diff" / "data" / "annotations" / "train.json")
    for row in records:
        before, after = (index.scene(f"resized_images/{row['img_id']}{end}.png", "spot-the-diff") for end in ("", "_2"))
        assert all(check_change(before, after, text).ok for text in row["sentences"])


def test_elevater_labels_match_the_pictures(world, index):
    root, _ = world
    (row,) = read(root / "elevater" / "vision_datasets.json")
    folder = root / "elevater" / row["root_folder"]
    names = (folder / "labelmap.txt").read_text().split()
    for line in (folder / row["train"]["index_path"]).read_text().splitlines():
        place, _, label = line.rpartition(" ")
        (item,) = index.scene(f"{row['root_folder']}/{place}", "elevater").objects
        assert item.shape == names[int(label)]
    knowledge = read(root / "elevater" / "resources" / "knowledge" / "external" / "scenes-shapes_knowledge.tsv")
    assert [entry["classname"] for entry in knowledge] == names


def test_refcocog_expressions_fit_their_region(world, index):
    root, _ = world
    release = read(root / "refcocog" / "google_refexp_train_201511.json")
    instances = read(root / "refcocog" / "annotations" / "instances_train2014.json")
    boxes = {row["id"]: row for row in instances["annotations"]}
    names = {row["id"]: row["name"] for row in instances["categories"]}
    texts = {row["refexp_id"]: row["raw"] for row in release["refexps"]}
    for row in release["annotations"]:
        color, shape = names[boxes[row["annotation_id"]]["category_id"]].split()
        for number in row["refexp_ids"]:
            words = texts[number].split()
            assert shape in words and (color in words or {"small", "large"} & set(words))


def test_llava_dialogues_are_true_and_hold_one_image_tag(world, index):
    root, _ = world
    for name in ("detail_23k", "conversation_58k", "complex_reasoning_77k"):
        for row in read(root / "llava-instruct" / f"{name}.json"):
            scene = index.scene(f"train2017/{row['image']}", "llava-instruct")
            messages = row["conversations"]
            assert [item["from"] for item in messages] == ["human", "gpt"] * (len(messages) // 2)
            assert [item["value"].count("<image>") for item in messages] == [1] + [0] * (len(messages) - 1)
            for human, gpt in zip(messages[::2], messages[1::2], strict=True):
                asked = human["value"].replace("<image>", "").strip()
                question = parse_question(asked) if name == "conversation_58k" else None
                assert not hallucinated(scene, gpt["value"], question), gpt["value"]
                assert question is None or answer_correct(question, gpt["value"], scene)


def test_vsr_labels_are_true_and_balanced(world, index):
    root, _ = world
    labels = Counter()
    for line in (root / "vsr" / "data" / "splits" / "random" / "test.jsonl").read_text().splitlines():
        row = json.loads(line)
        scene = index.scene(f"images/{row['image']}", "vsr")
        assert hallucinated(scene, row["caption"]) == (row["label"] == 0)
        assert row["relation"] in row["caption"]
        labels[row["label"]] += 1
    assert set(labels) == {0, 1}


def test_text_dialogues_have_no_images(world):
    root, _ = world
    (chats,) = (root / "ultrachat").iterdir()
    rows = [json.loads(line) for line in chats.read_text().splitlines()]
    assert len(rows) == 10 and all(len(row["data"]) % 2 == 0 for row in rows)
    shared = read(root / "sharegpt" / "sg_90k_part1_html_cleaned.json")
    assert len(shared) == 10 and not any("image>" in item["value"] for row in shared for item in row["conversations"])


def test_pictures_shared_by_datasets_take_no_extra_space(world):
    root, _ = world
    name = next((root / "mscoco-captions" / "train2014").iterdir()).name
    assert (root / "vqa-v2" / "train2014" / name).stat().st_ino == (
        root / "mscoco-captions" / "train2014" / name
    ).stat().st_ino


def test_nothing_is_left_behind_by_a_failure(tmp_path, small_config, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flamingo_lib.scenes.writers.write_refcocog", fail)
    with pytest.raises(FlamingoError, match="No space left"):
        write_scenes(tmp_path / "root", small_config)
    assert list(tmp_path.iterdir()) == []


def test_training_reads_no_held_out_source():
    for name in ("tiny", "small", "paper"):
        sources = load_preset(name).sources
        read_for_training = {*sources.polite, *sources.raw, *sources.captions}
        assert not read_for_training & {*HELD_OUT_SOURCES, *EvaluationConfig().held_out_sources}


def samples(root, source, split):
    return list(load_source(source, root / source, split=split))


@pytest.mark.parametrize(
    ("source", "split", "limit"),
    [("vsr", "zeroshot-dev", 6), ("grid-3d", "test", 6), ("nlvr2", "dev", 6), ("ok-vqa", "val", 6)],
)
def test_held_out_sources_ask_about_evaluation_scenes_and_show_examples_from_others(world, index, source, split, limit):
    asked = samples(world[0], source, split)
    assert 0 < len(asked) <= limit
    assert {index.pool(image, source) for sample in asked for image in sample.images} == {"evaluation"}
    examples = samples(world[0], source, "zeroshot-train" if source == "vsr" else "train")
    assert {index.pool(image, source) for sample in examples for image in sample.images} == {"raw"}


def test_grid_3d_answers_are_true(world, index):
    tasks = set()
    for sample in [*samples(world[0], "grid-3d", "train"), *samples(world[0], "grid-3d", "test")]:
        scene, task, question = index.scene(sample.images[0], "grid-3d"), sample.meta["kind"], sample.meta["question"]
        tasks.add(task)
        anchor = [item for item in scene.objects if item.name() in question]
        lying = [name for name in RELATIONS if RELATION_WORDS[name] in question]
        if task == "Link Prediction":
            found = [item.name() for item in scene.objects if holds(lying[0], item, anchor[0])]
            assert found == [sample.raw]
        elif task == "Relation Prediction":
            one, other = sorted(anchor, key=lambda item: question.index(item.name()))
            true = {name.removesuffix(" of") for name in RELATIONS if holds(name, one, other)}
            assert true == {sample.raw}
        elif task == "Counting" and lying:
            assert sum(holds(lying[0], item, anchor[0]) for item in scene.objects) == int(sample.raw)
        else:
            answer = {"True": "yes", "False": "no"}.get(sample.raw, sample.raw)
            assert answer_question(scene, parse_question(sample.instruction)) == answer
    assert tasks == set(TASKS)


def test_nlvr2_labels_are_true(world, index):
    found = samples(world[0], "nlvr2", "train")
    for sample in found:
        left, right = (index.scene(image, "nlvr2") for image in sample.images)
        statement, true = sample.meta["statement"], sample.raw == "True"
        side = left if "left image contains" in statement or "in the left image." in statement else right
        if "more objects" in statement:
            more = 1 if "in the left image than" in statement else -1
            assert ((len(left.objects) - len(right.objects)) * more > 0) == true
        elif "same number" in statement:
            assert (len(left.objects) == len(right.objects)) == true
        elif "At least one" in statement:
            assert (
                any(
                    check(scene, statement.replace("At least one of the images shows", "There is")).ok
                    for scene in (left, right)
                )
                == true
            )
        elif "Both images contain" in statement:
            assert (
                all(check(scene, statement.replace("Both images contain", "There is")).ok for scene in (left, right))
                == true
            )
        elif "exactly" in statement:
            number = NUMBERS.index(statement.split("exactly ")[1].split()[0])
            assert (len(side.objects) == number) == true
        elif "image" in statement and "two images" not in statement:
            thing = statement.split("contains ")[-1].removeprefix("There is ").split(" in the")[0].rstrip(".")
            assert check(side, f"There is {thing}.").ok == true
        else:
            number, noun = statement.lower().split(" can be")[0].split()
            shape = {plural: name for name, plural in PLURALS.items()}.get(noun, noun)
            total = sum(len(scene.find(shape=shape)) for scene in (left, right))
            assert (total == NUMBERS.index(number)) == true
    assert {sample.raw for sample in found} == {"True", "False"} and len(found) > 20


def test_ok_vqa_answers_follow_from_the_scene_and_a_fact(world, index):
    kinds = set()
    for sample in samples(world[0], "ok-vqa", "train"):
        scene, question = index.scene(sample.images[0], "ok-vqa"), sample.instruction
        assert len(sample.meta["answers"]) == 10 and sample.meta["answers"].count(sample.raw) > 5
        kinds.add(" ".join(question.split()[:2]))
        if "corners" in question or "sides" in question:
            position = question.split("shape ")[1].split(" the ")[1].removesuffix(" have?")
            (item,) = [item for item in scene.objects if item.position == position]
            assert sample.raw == {"triangle": "3", "square": "4", "circle": "0"}[item.shape]
        elif question.startswith("Which shape"):
            color = dict(COLORED)[question.removesuffix("?").split("color as ")[1]]
            assert [item.shape for item in scene.find(color=color)] == [sample.raw]
        elif question.startswith("What color"):
            shapes = [item for item in scene.objects if item.shape in question] or scene.objects
            mixes = {frozenset(mix[:2]): mix[2] for mix in MIXES}
            assert mixes[frozenset(item.color for item in shapes)] == sample.raw
        elif "even" in question:
            assert sample.raw == ("odd" if len(scene.objects) % 2 else "even")
        else:
            assert int(sample.raw) == len(scene.objects) + 1
    assert len(kinds) >= 4


def test_annotations_ask_mostly_what_dialogues_seldom_do(world):
    root, _ = world
    hard = {"count", "existence", "relation", "side"}
    asked = {
        "annotations": [
            row["question"]
            for row in read(root / "vqa-v2" / "v2_OpenEnded_mscoco_train2014_questions.json")["questions"]
        ],
        "dialogues": [
            record["conversations"][number]["value"].replace("<image>", "").strip()
            for record in read(root / "llava-instruct" / "conversation_58k.json")
            for number in range(0, len(record["conversations"]), 2)
        ],
    }
    types = {name: [parse_question(text).type for text in texts] for name, texts in asked.items()}
    shares = {name: sum(kind in hard for kind in kinds) / len(kinds) for name, kinds in types.items()}
    assert shares["annotations"] > 0.55 > 0.45 > shares["dialogues"] > 0.1
    assert set(types["annotations"]) > hard
