"""STS, NLI, reward and CLIPScore against direct calls of the models they wrap."""

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.errors import CheckpointError, MissingAsset
from flamingo_lib.judges.clipscore import ClipScoreJudge
from flamingo_lib.judges.cross_encoder import PairScorer
from flamingo_lib.judges.nli import LABELS, NliJudge, contradiction_margin, nli_text
from flamingo_lib.judges.reward import RewardJudge, win_rate
from flamingo_lib.judges.sts import StsJudge
from flamingo_lib.text import split_paragraphs, split_sentences


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def sts(request):
    return StsJudge(device="cpu", precision=request.param)


def test_sts_orders_meanings(sts):
    first = ["a red circle", "a red circle", "two small stars"]
    second = ["The picture shows a red circle.", "Stock markets fell sharply today.", "two small stars"]
    scores = sts(first, second)
    assert scores.shape == (3,)
    assert scores[0] > 0.6 > 0.3 > scores[1]
    assert scores[2] == pytest.approx(1.0, abs=1e-5)


def test_sts_is_symmetric_and_independent_of_neighbours(sts):
    alone = sts(["a red circle at the top left"], ["It is a ring."])
    among = sts(["x " * 50, "a red circle at the top left"], ["y", "It is a ring."])
    back = sts(["It is a ring."], ["a red circle at the top left"])
    assert among[1] == pytest.approx(alone[0], abs=1e-5) == back[0]
    assert sts([], []).shape == (0,)
    with pytest.raises(ValueError):
        sts(["a"], [])


@pytest.mark.parametrize("judge", [StsJudge, NliJudge, RewardJudge, ClipScoreJudge])
def test_a_missing_model_is_named_with_a_remedy(judge):
    with pytest.raises(MissingAsset, match=r"no-such-model.*not on this machine.*folder"):
        judge("no-such-model")


def test_remedies_name_the_way(monkeypatch, tmp_path):
    monkeypatch.setenv("FLAMINGO_CHECKPOINTS", str(tmp_path))
    with pytest.raises(MissingAsset, match="flamingo train-judges"):
        NliJudge("tiny")
    with pytest.raises(MissingAsset, match=r"hf download cross-encoder/nli-deberta-v3-base"):
        NliJudge("nli-deberta-v3-base")
    with pytest.raises(MissingAsset, match=r"timm/vit_large_patch14_clip_336\.openai"):
        ClipScoreJudge("ViT-L-14-336-quickgelu/openai")


def test_a_folder_without_a_model_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"STS judge cannot be loaded.*modules.json.*whole folder") as caught:
        StsJudge(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    with pytest.raises(MissingAsset) as caught:
        StsJudge("/no-such-folder")
    assert "hf download" not in str(caught.value), "a path is no name on the hub"


def test_nli_prompt_and_label_order(nli_folder):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    assert nli_text("red", "What color?") == '"red" is the answer to the question: "What color?"'
    tokenizer = AutoTokenizer.from_pretrained(nli_folder)
    model = AutoModelForSequenceClassification.from_pretrained(nli_folder).eval()
    encoded = tokenizer(
        [nli_text("The circle is red.", "the question?")], [nli_text("blue", "the question?")], return_tensors="pt"
    )
    entailment, neutral, contradiction = model(**encoded).logits[0].tolist()
    logits = NliJudge(str(nli_folder), device="cpu")(
        ["the question?", "a?"], ["blue", "red"], ["The circle is red.", "red"]
    )
    assert LABELS == ("contradiction", "entailment", "neutral")
    assert logits.shape == (2, 3)
    assert logits[0] == pytest.approx([contradiction, entailment, neutral], abs=1e-5)


def test_contradiction_margin_is_positive_where_contradiction_leads():
    logits = np.array([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [1.0, 0.0, 2.0]])
    assert contradiction_margin(logits).tolist() == [1.0, -1.0, -1.0]
    assert ((contradiction_margin(logits) > 0) == (logits.argmax(1) == 0)).all()


def test_nli_refuses_a_model_of_other_labels(reward_folder):
    with pytest.raises(CheckpointError, match="labels"):
        NliJudge(str(reward_folder))
    with pytest.raises(CheckpointError, match=r"config\.json"):
        NliJudge(str(reward_folder.parent))


def test_reward_shape_and_refusal(reward_folder, nli_folder):
    rewards = RewardJudge(str(reward_folder), device="cpu")(
        ["question", "question", "to"], ["red", "the red circle .", "red"]
    )
    assert rewards.shape == (3,) and rewards[0] != rewards[1]
    with pytest.raises(CheckpointError, match="one number"):
        RewardJudge(str(nli_folder))
    assert win_rate(np.array([1.0, 2.0, 3.0, 0.0]), np.array([0.0, 2.0, 4.0, -1.0])) == 0.625


def test_paragraphs_and_sentences():
    assert split_paragraphs("One.\nStill one.\n \n\nTwo.\n\n") == ["One.\nStill one.", "Two."]
    assert split_sentences('A ring. Is it 0.5 wide? "Yes." Done\nlast') == [
        "A ring.",
        "Is it 0.5 wide?",
        '"Yes."',
        "Done",
        "last",
    ]
    assert split_paragraphs("") == split_sentences(" \n") == []


def test_clipscore_equals_the_formula_written_out(clip_folder):
    import open_clip
    import torch

    judge = ClipScoreJudge(str(clip_folder), sentences=3)
    generator = np.random.default_rng(0)
    images = [Image.fromarray(generator.integers(0, 255, (40, 50, 3), dtype=np.uint8)) for _ in range(2)]
    text = "A red circle. A blue square at the center! The star is small. Never read.\n\nA green star."
    scores = judge([images[0], images], [text, "A red star."])
    model, _, preprocess = open_clip.create_model_and_transforms(f"local-dir:{clip_folder}")
    model.eval()

    def slow(image, sentences):
        with torch.no_grad():
            seen = model.encode_image(preprocess(image)[None])[0]
            vectors = [model.encode_text(judge.tokenize([sentence]))[0] for sentence in sentences]
        mean = sum(vector / vector.norm() for vector in vectors) / len(vectors)
        return 100 * torch.cosine_similarity(seen, mean, dim=0).item()

    assert scores[0].shape == (2,)
    first = slow(images[0], ["A red circle.", "A blue square at the center!", "The star is small."])
    assert scores[0][0] == pytest.approx(first, abs=1e-3)
    assert scores[0][1] == pytest.approx(slow(images[0], ["A green star."]), abs=1e-3)
    assert scores[1][0] == pytest.approx(max(slow(image, ["A red star."]) for image in images), abs=1e-3)


def test_clipscore_edges(clip_folder, tmp_path):
    judge = ClipScoreJudge(str(clip_folder))
    image = Image.new("L", (8, 8))
    assert judge([], []) == []
    assert judge([image], [""])[0].shape == (0,)
    assert judge([image], [["a red star " * 30]])[0].shape == (1,)
    with pytest.raises(ValueError):
        judge([image], [])
    with pytest.raises(CheckpointError, match="safetensors"):
        ClipScoreJudge(str(tmp_path))


def test_special_tokens_that_a_text_spells_out_are_text(nli_folder):
    for tokenizer in (PairScorer(nli_folder).model.tokenizer, StsJudge(device="cpu").model.tokenizer):
        ids = tokenizer("red [SEP] blue [CLS] [PAD] [MASK]")["input_ids"]
        assert [token for token in ids if token in tokenizer.all_special_ids and token != tokenizer.unk_token_id] == [
            tokenizer.cls_token_id,
            tokenizer.sep_token_id,
        ]
