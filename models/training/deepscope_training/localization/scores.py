"""Figures of a classifier: accuracy with its interval, area under the curve, confusion, calibration."""

import math

import numpy as np


def wilson(right, count, z=1.959964):
    """95 % interval of a proportion of `right` in `count` (Wilson 1927). (0, 1) for no trials."""
    if count == 0:
        return 0.0, 1.0
    share, square = right / count, z * z / count
    middle, half = share + square / 2, z * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return (middle - half) / (1 + square), (middle + half) / (1 + square)


def accuracy(labels, answers):
    """{cells, right, accuracy, low, high} of answers against labels."""
    right, count = int((np.asarray(labels) == np.asarray(answers)).sum()), len(labels)
    low, high = wilson(right, count)
    return {"cells": count, "accuracy": right / max(count, 1), "low": low, "high": high}


def auroc(positives, negatives):
    """Area under the receiver operating characteristic: the chance that a positive scores higher than a negative, ties half (Mann & Whitney 1947)."""
    values = np.concatenate([positives, negatives])
    order = values.argsort(kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.bincount(inverse, ranks) / counts)[inverse]
    count = len(positives)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(negatives)))


def confusion(labels, answers, classes):
    """Counts (classes, classes): rows are the true class, columns the answer."""
    table = np.zeros((classes, classes), int)
    np.add.at(table, (np.asarray(labels), np.asarray(answers)), 1)
    return table


def per_class(table, names):
    """Precision, recall and F1 of each class from a confusion matrix."""
    rows = []
    for index, name in enumerate(names):
        hit, true, named = table[index, index], table[index].sum(), table[:, index].sum()
        recall, precision = hit / max(true, 1), hit / max(named, 1)
        low, high = wilson(int(hit), int(true))
        rows.append({"class": name, "cells": int(true), "recall": float(recall), "low": low, "high": high, "precision": float(precision), "f1": float(2 * hit / max(true + named, 1))})
    return rows


def reliability(confidence, right, bins=10):
    """Rows of stated confidence against the share of right answers, and the expected calibration error (Naeini et al. 2015)."""
    confidence, right = np.asarray(confidence, float), np.asarray(right, float)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    rows, error = [], 0.0
    for index in np.unique(place):
        chosen = place == index
        stated, found = float(confidence[chosen].mean()), float(right[chosen].mean())
        rows.append({"confidence": f"{index / bins:.1f}-{(index + 1) / bins:.1f}", "answers": int(chosen.sum()), "stated": stated, "right": found})
        error += chosen.mean() * abs(stated - found)
    return rows, float(error)
