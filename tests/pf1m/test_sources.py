"""Sources of a PF-1M job: each dataset is named once."""

import pytest

from flamingo_lib.errors import ConfigError
from flamingo_lib.pf1m.sources import SourceSpec, source_roots


def test_a_dataset_given_twice_is_refused():
    with pytest.raises(ConfigError, match="gqa is given twice"):
        source_roots([SourceSpec("gqa", "a", None, None), SourceSpec("gqa", "a", None, 5)])
    assert source_roots([SourceSpec("gqa", "a", "train", None), SourceSpec("gqa", "a", "val", None)]) == {"gqa": "a"}
