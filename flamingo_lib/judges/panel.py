"""The judges of one preset together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..config import JudgesConfig
from ..errors import ConfigError
from ..hub import check_device

if TYPE_CHECKING:
    from .clipscore import ClipScoreJudge
    from .nli import NliJudge
    from .reward import RewardJudge
    from .sts import StsJudge

NAMES = ("sts", "nli", "reward", "clip")


@dataclass(frozen=True, slots=True)
class Judges:
    """Judges by role; None where a role was not asked for.

    Tests and users may put any callable of the same shape there.
    """

    sts: StsJudge | None = None
    nli: NliJudge | None = None
    reward: RewardJudge | None = None
    clip: ClipScoreJudge | None = None


def find_judges(config: JudgesConfig, only: Iterable[str] = NAMES) -> None:
    """Check that judges can be loaded, as far as their names tell; arguments and errors of `load_judges`."""
    wanted = _known(only)
    if "sts" in wanted:
        from .sts import find_sts

        find_sts(config.sts, download=config.download)
    if "nli" in wanted:
        from .nli import find_nli

        find_nli(config.nli, download=config.download)
    if "reward" in wanted:
        from .reward import find_reward

        find_reward(config.reward, download=config.download)
    if "clip" in wanted:
        from .clipscore import find_clip

        find_clip(config.clip, download=config.download)


def _known(only: Iterable[str]) -> set[str]:
    wanted = set(only)
    if unknown := wanted - set(NAMES):
        raise ConfigError(f"there is no judge {sorted(unknown)[0]!r}", remedy=f"Choose among {', '.join(NAMES)}.")
    return wanted


def load_judges(
    config: JudgesConfig, only: Iterable[str] = NAMES, *, device: str = "cpu", batch_size: int = 64, sentences: int = 10
) -> Judges:
    """Load the judges that `config` names.

    Args:
        config: the preset's judges.
        only: the roles wanted, of ``sts nli reward clip``.
        device: where they run.
        batch_size: texts in one forward pass.
        sentences: of a paragraph that CLIPScore reads.

    Raises:
        ConfigError: there is no such device.
        MissingAsset: one is not on this machine; the message says how to get it.
    """
    wanted = _known(only)
    check_device(device)
    options: dict[str, Any] = {"device": device, "batch_size": batch_size, "download": config.download}
    loaded: dict[str, Any] = {}
    if "sts" in wanted:
        from .sts import StsJudge

        loaded["sts"] = StsJudge(config.sts, precision=config.sts_precision, **options)
    if "nli" in wanted:
        from .nli import NliJudge

        loaded["nli"] = NliJudge(config.nli, **options)
    if "reward" in wanted:
        from .reward import RewardJudge

        loaded["reward"] = RewardJudge(config.reward, **options)
    if "clip" in wanted:
        from .clipscore import ClipScoreJudge

        loaded["clip"] = ClipScoreJudge(config.clip, sentences=sentences, **options)
    return Judges(**loaded)
