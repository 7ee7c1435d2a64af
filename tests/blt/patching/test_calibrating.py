from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blt.patching.reference import as_arrays, draw_document, draw_entropies
from bytelm.blt.patching.calibrating import Sample, calibrate
from bytelm.blt.patching.options import Patching
from bytelm.blt.patching.statistics import PatchSizes, patch_sizes
from bytelm.blt.patching.whole import patch_starts
from bytelm.blt.vocabulary import document, ids_of

MODES = ["entropy", "monotonic", "both"]


def mean_of(patching: Patching, sample: Sample) -> float:
    sizes = [patch_sizes(ids, patch_starts(patching, ids, entropies)) for ids, entropies in sample]
    return sum(sizes, PatchSizes()).mean


def synthetic(documents: int, length: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Texts with entropies that fall within words, as those of texts do."""
    random = np.random.default_rng(5)
    texts = [document(bytes(random.integers(97, 123, length).tolist()), ended=True) for _ in range(documents)]
    return [(ids, random.gamma(1.5, 0.8, len(ids))) for ids in texts]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wanted", [3.0, 4.5, 6.0])
def test_the_wanted_mean_is_hit(mode: str, wanted: float) -> None:
    sample = synthetic(4, 3000)
    found = calibrate(Patching(mode, rise=0.1, longest=24), sample, wanted)  # type: ignore[arg-type]
    assert mean_of(found, sample) == pytest.approx(wanted, rel=1e-3)
    assert replace(found, threshold=0.0) == Patching(mode, 0.0, rise=0.1, longest=24)  # type: ignore[arg-type]


@given(st.integers(0, 2**32), st.sampled_from(MODES))
@settings(max_examples=60)
def test_no_threshold_is_nearer(seed: int, mode: str) -> None:
    random = Random(seed)
    longest, rise = random.choice([None, 2, 4]), random.choice([-1.0, 0.0, 0.25])
    patching = Patching(mode, rise=rise, longest=longest)  # type: ignore[arg-type]
    texts = [draw_document(random) + draw_document(random, 20) for _ in range(2)]
    sample = [as_arrays(ids, draw_entropies(random, len(ids))) for ids in texts]
    means = [mean_of(replace(patching, threshold=step / 8), sample) for step in range(-14, 15)]
    if np.isnan(means[0]):
        return
    assert means == sorted(means)
    wanted = random.uniform(means[0], means[-1])
    found = mean_of(calibrate(patching, sample, wanted), sample)
    assert abs(found - wanted) == pytest.approx(min(abs(mean - wanted) for mean in means))
    for end in (means[0], means[-1]):
        assert mean_of(calibrate(patching, sample, end), sample) == end


def test_the_last_bits_of_entropies_do_not_count() -> None:
    sample = synthetic(2, 200)
    found = calibrate(Patching(), sample, 4.5)
    nudged = [(ids, entropies + 1e-9) for ids, entropies in sample]
    assert mean_of(found, nudged) == mean_of(found, sample)


def test_neighbouring_numbers_are_told_apart() -> None:
    """Two scores without a number between them, whichever of them their middle is rounded to."""
    for low in (0.1, float(np.nextafter(0.1, 1))):
        sample = [(document(b"abc"), np.array([0, low, np.nextafter(low, 1), 0]))]
        assert mean_of(calibrate(Patching(), sample, 1.5), sample) == 1.5


def test_errors() -> None:
    sample = synthetic(1, 40)
    with pytest.raises(ValueError, match=r"patches of 0.5 bytes on this sample: .* from 1 to 40"):
        calibrate(Patching(), sample, 0.5)
    with pytest.raises(ValueError, match=r"rise of 0.5, and at most 8 bytes a patch, their mean is from .* to 6.667$"):
        calibrate(Patching("both", rise=0.5, longest=8), sample, 41)
    with pytest.raises(ValueError, match=r"no threshold gives patches of nan bytes"):
        calibrate(Patching(), sample, float("nan"))
    with pytest.raises(ValueError, match=r"'static' has no threshold to calibrate; set its size"):
        calibrate(Patching("static"), sample, 4.0)
    with pytest.raises(ValueError, match=r"'space' has no threshold to calibrate; choose 'entropy', 'monotonic' or"):
        calibrate(Patching("space"), sample, 4.0)
    with pytest.raises(ValueError, match=r"expected 3 entropies"):
        calibrate(Patching(), [(ids_of(b"abc"), np.zeros(4))], 2.0)
    for empty in ([], [(document(b"", ended=True), np.zeros(2))]):
        with pytest.raises(ValueError, match=r"the sample to calibrate on has no bytes"):
            calibrate(Patching(), empty, 4.0)
