"""Calibration error in bins of equally many samples, made anew for each resample."""

import numpy as np
import numpy.typing as npt

from bench.metrics.calibration import N_BINS, top_label
from bench.metrics.predictive import FloatArray, Predictive
from bench.metrics.weighted import weighted_metric, whole_rows


def _mass_edges(
    times_RB: npt.NDArray[np.integer], last_B: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Where the first N_BINS - 1 of the bins of equal mass end, as positions in B, (R, N_BINS - 1).

    Args:
        times_RB: how often each resample holds each sample, by ascending value; the type holds
            their sum.
        last_B: the position of the last sample with the same value: an edge is never within ties.
    """
    n_resamples, n_samples = times_RB.shape
    totals_R1 = times_RB.sum(axis=1, dtype=np.int64, keepdims=True)
    held = np.cumsum(times_RB, dtype=times_RB.dtype)  # on and on over the rows, so that it ascends
    ranks = np.ceil(totals_R1 * np.arange(1, N_BINS) / N_BINS).astype(np.int64)
    ranks += np.cumsum(totals_R1, axis=0) - totals_R1
    found = np.searchsorted(held, ranks.ravel().astype(held.dtype), side="left")
    places = found.reshape(ranks.shape) - np.arange(n_resamples)[:, None] * n_samples
    return np.asarray(last_B[places])


def _ties(sorted_B: FloatArray) -> npt.NDArray[np.intp]:
    """The position of the last of the values that equal each, in ascending order."""
    return np.searchsorted(sorted_B, sorted_B, side="right") - 1


def equal_mass_bins(confidence_B: FloatArray) -> npt.NDArray[np.intp]:
    """Bin index in [0, N_BINS) of each confidence; each bin holds about B / N_BINS samples.

    Edges are order statistics, so that equal confidences always share a bin and the result does not
    depend on the order of the samples. With many ties some bins are empty.
    """
    sorted_B = np.sort(confidence_B)
    once_1B = np.ones((1, len(sorted_B)), dtype=np.int32)
    edges = sorted_B[_mass_edges(once_1B, _ties(sorted_B))[0]]
    return np.searchsorted(edges, confidence_B, side="left")


@weighted_metric(0, 1)
def adaptive_ece(predictive: Predictive, sample_weight_RB: FloatArray) -> FloatArray:
    """As `ece`, with 15 bins of equal mass (Nguyen & O'Connor 2015), those of the resample."""
    confidence_B, _, correct_B = top_label(predictive)
    order_B = np.argsort(confidence_B)
    sorted_B = confidence_B[order_B]
    # Whole numbers in rows: sums over the samples of a row run twice as fast.
    times_RB = whole_rows(sample_weight_RB.T[order_B].T, sample_weight_RB)
    starts_RG = np.zeros((len(times_RB), N_BINS), dtype=np.intp)
    starts_RG[:, 1:] = _mass_edges(times_RB, _ties(sorted_B)) + 1
    gaps_RG = _segment_sums(times_RB, correct_B[order_B] - sorted_B, starts_RG)
    return np.asarray(np.abs(gaps_RG).sum(axis=1) / times_RB.sum(axis=1), dtype=np.float64)


def _segment_sums(
    times_RB: npt.NDArray[np.integer], values_B: FloatArray, starts_RG: npt.NDArray[np.intp]
) -> FloatArray:
    """Sums of the values of each resample from each start to the next, the last to the end; (R, G).

    Starts ascend in a row; a segment without values has the sum 0.
    """
    # One value more: a segment may start at the end of the last row.
    flat = np.zeros(times_RB.size + 1)
    np.multiply(times_RB, values_B, out=flat[:-1].reshape(times_RB.shape))
    starts = (starts_RG + np.arange(len(times_RB))[:, None] * len(values_B)).ravel()
    sums = np.add.reduceat(flat, starts)
    sums[starts == np.append(starts[1:], times_RB.size)] = 0  # reduceat gives the value there
    return np.asarray(sums.reshape(starts_RG.shape))
