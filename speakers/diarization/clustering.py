"""How many voices there are and which one speaks when. Pure: arrays of voice vectors in and out.

Average linkage at cosine distance 0.5. Of unit vectors, the mean distance between two clusters is
one minus the product of their means, so clusters can be merged further without their members: long
files are clustered in sections first and the groups found there are merged as if it had been one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speakers.voices import unit

SAME_VOICE_DISTANCE = 0.5
_SECTION_DISTANCE = 0.4
_SECTION_WINDOWS = 3_000
_SECTION_GROUPS = 100

# A voice counts from this share of all speech on, within these bounds in seconds.
_LEAST_SHARE = 0.1
_LEAST_SECONDS = (1.5, 3.0)

# One voice leaves clusters of a few unusual sentences behind, the more the longer the file. So the
# smaller its share of the speech below this one, the more a cluster must differ from larger ones:
# up to so much more than SAME_VOICE_DISTANCE.
_RARE_SHARE = 0.15
_RARE_DISTANCE = 0.12

SWITCH_COST = 0.3


@dataclass(slots=True)
class _Groups:
    """Clusters by sums: `vectors` (n, dim) of their windows, `windows` (n,), `seconds` (n,)."""

    vectors: np.ndarray
    windows: np.ndarray
    seconds: np.ndarray


@dataclass(frozen=True, slots=True)
class _Merge:
    """At `distance` the cluster `gone` went into the cluster `kept`."""

    distance: float
    kept: int
    gone: int


def find_voices(
    windows: np.ndarray,
    seconds: np.ndarray,
    *,
    min_speakers: int | None = None,
    max_speakers: int | None = None,
) -> np.ndarray:
    """Unit voice vectors (n, dim) and the seconds each stands for -> one unit vector per voice.

    As many as were asked for where the speech supports them, else as many as it does; at least one.
    """
    groups = _in_sections(windows, seconds)
    merges = _dendrogram(groups)
    most = max_speakers or len(groups.seconds)
    fewest = min(min_speakers or 1, most)
    least = float(np.clip(_LEAST_SHARE * seconds.sum(), *_LEAST_SECONDS))
    # Somebody who was promised but says little only shows with a lower limit.
    for limit in (least, least / 2, least / 4):
        counts = _counts(merges, groups.seconds, limit)
        step = _choose_step(merges, counts, fewest, most)
        if counts[step] >= fewest:
            break
    clusters = _merged(groups, merges[:step])
    large = np.flatnonzero(clusters.seconds >= min(limit, clusters.seconds.max()))
    return unit(clusters.vectors[_distinct(clusters, large, fewest)])


def follow_voices(pieces: np.ndarray, voices: np.ndarray) -> np.ndarray:
    """Which voice speaks in each of consecutive pieces (n, dim): indices (n,) into `voices`.

    The likeliest path (Viterbi) where every change of voice costs SWITCH_COST of cosine.
    """
    likeness = pieces @ voices.T
    total = likeness[0]
    came_from = np.empty(likeness.shape, dtype=np.intp)
    stay = np.arange(len(voices))
    for i, row in enumerate(likeness[1:], start=1):
        best = int(total.argmax())
        switched = total[best] - SWITCH_COST
        came_from[i] = np.where(total >= switched, stay, best)
        total = np.maximum(total, switched) + row
    path = np.empty(len(pieces), dtype=np.intp)
    path[-1] = total.argmax()
    for i in range(len(pieces) - 1, 0, -1):
        path[i - 1] = came_from[i, path[i]]
    return path


def _in_sections(windows: np.ndarray, seconds: np.ndarray) -> _Groups:
    """Tight groups, found section by section so that memory stays bounded."""
    sections = -(-len(windows) // _SECTION_WINDOWS)
    parts = [
        _tight_groups(*part)
        for part in zip(
            np.array_split(windows, sections), np.array_split(seconds, sections), strict=True
        )
    ]
    return _Groups(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.windows for part in parts]),
        np.concatenate([part.seconds for part in parts]),
    )


def _tight_groups(windows: np.ndarray, seconds: np.ndarray) -> _Groups:
    labels = np.zeros(len(windows), dtype=np.intp)
    if len(windows) > 1:
        from scipy.cluster.hierarchy import fcluster, linkage

        tree = linkage(windows, method="average", metric="cosine")
        labels = fcluster(tree, _SECTION_DISTANCE, criterion="distance") - 1
        if labels.max() >= _SECTION_GROUPS:
            labels = fcluster(tree, _SECTION_GROUPS, criterion="maxclust") - 1
    vectors = np.zeros((labels.max() + 1, windows.shape[1]))
    np.add.at(vectors, labels, windows)
    return _Groups(vectors, np.bincount(labels), np.bincount(labels, weights=seconds))


def _dendrogram(groups: _Groups) -> list[_Merge]:
    """All merges by average linkage, in order, until one cluster is left."""
    means = groups.vectors / groups.windows[:, None]
    sizes = groups.windows.astype(np.float64)
    distances = 1.0 - means @ means.T
    np.fill_diagonal(distances, np.inf)
    merges = []
    for _ in range(len(sizes) - 1):
        kept, gone = divmod(int(distances.argmin()), len(sizes))
        merges.append(_Merge(float(distances[kept, gone]), kept, gone))
        share = sizes[gone] / (sizes[kept] + sizes[gone])
        row = distances[kept] * (1.0 - share) + distances[gone] * share
        row[kept] = np.inf
        distances[kept, :] = distances[:, kept] = row
        distances[gone, :] = distances[:, gone] = np.inf
        sizes[kept] += sizes[gone]
    return merges


def _counts(merges: list[_Merge], seconds: np.ndarray, least: float) -> list[int]:
    """How many clusters reach `least` seconds after 0, 1, 2 ... merges; never less than one."""
    sizes = seconds.copy()
    counts = [max(1, int((sizes >= least).sum()))]
    for merge in merges:
        sizes[merge.kept] += sizes[merge.gone]
        sizes[merge.gone] = 0.0
        counts.append(max(1, int((sizes >= least).sum())))
    return counts


def _choose_step(merges: list[_Merge], counts: list[int], fewest: int, most: int) -> int:
    """After how many merges to stop: where distances pass the threshold, unless a bound objects."""
    step = sum(merge.distance <= SAME_VOICE_DISTANCE for merge in merges)
    while counts[step] > most:
        step += 1
    if counts[step] >= fewest:
        return step
    fitting = [i for i in range(step) if fewest <= counts[i] <= most]
    return max(fitting) if fitting else max(range(len(counts)), key=lambda i: min(counts[i], most))


def _distinct(clusters: _Groups, large: np.ndarray, fewest: int) -> list[int]:
    """Those of the `large` that are voices of their own, and others only to make up `fewest`."""
    means = clusters.vectors / clusters.windows[:, None]
    shares = clusters.seconds / clusters.seconds.sum()
    kept: list[int] = []
    doubtful: list[int] = []
    for one in large[np.argsort(-shares[large], kind="stable")]:
        rarity = max(0.0, 1.0 - shares[one] / _RARE_SHARE)
        needed = SAME_VOICE_DISTANCE + _RARE_DISTANCE * rarity
        nearest = min((1.0 - means[one] @ means[other] for other in kept), default=np.inf)
        (kept if nearest > needed else doubtful).append(int(one))
    return kept + doubtful[: max(0, fewest - len(kept))]


def _merged(groups: _Groups, merges: list[_Merge]) -> _Groups:
    vectors, windows, seconds = (
        groups.vectors.copy(),
        groups.windows.copy(),
        groups.seconds.copy(),
    )
    left = np.ones(len(seconds), dtype=bool)
    for merge in merges:
        vectors[merge.kept] += vectors[merge.gone]
        windows[merge.kept] += windows[merge.gone]
        seconds[merge.kept] += seconds[merge.gone]
        left[merge.gone] = False
    return _Groups(vectors[left], windows[left], seconds[left])
