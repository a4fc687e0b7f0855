"""Which of two networks is shipped: the one taught without an adversary to the end, or the one that had it in the last part."""

from . import package, train


def load(config, work, measure):
    """(network, checkpoint, rows of the comparison, name) of the variant that is shipped. A row: {variant, **`measure`(config, network)}; one alone is not measured."""
    found = {name: package.load_network(config, folder) for name, folder in train.variant_folders(work).items()}
    alone = len(found) == 1
    rows = [{"variant": name, **({} if alone else measure(config, network))} for name, (network, _) in found.items()]
    name = rows[0]["variant"] if alone else least_false(rows)
    return *found[name], rows, name


def least_false(rows):
    """The variant whose energy in empty places is least."""
    return min(rows, key=lambda row: row["false_energy"])["variant"]
