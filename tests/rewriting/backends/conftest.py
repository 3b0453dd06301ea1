"""The fixtures that rewriting and training share."""

from tests.vlm_fixtures import pictures, root, samples, smolvlm, vlm_folder

__all__ = ["pictures", "root", "samples", "smolvlm", "vlm_folder"]
