"""Functions of the local task: pictures and texts of a question."""

from PIL import Image


def images(doc):
    return [Image.open(doc["image"]).convert("RGB")]


def question(doc, lmms_eval_specific_kwargs=None):
    after = (lmms_eval_specific_kwargs or {}).get("post_prompt", "")
    return doc["question"] + after
