"""A run's network averaged with the one that it began with: what Wortsman et al. (2022, "Model soups") found of networks that one was made from the other, the mean of their weights is
often better than either: here it keeps what the longer run unlearned."""

from . import initial, kinds, train


def run(config, work, beginning, report=print):
    """Write `work`/averaged, a folder like `work` whose checkpoints, of each variant, hold the mean of the run's weights and of those of `beginning`, a checkpoint or
    a package. They are for export and evaluation: the optimiser's state is that of the run. Returns the folder."""
    first = kinds.of(config).build(config)
    origin = initial.weights(beginning, first)
    others = first.state_dict()

    def halfway(_, state):
        network = {name: (value + others[name].to(value)) / 2 if value.is_floating_point() else value for name, value in state["network"].items()}
        return {**state, "network": network, "averaged": origin, "judged": None, "widened": None}

    averaged = train.rewritten(config, work, "averaged", halfway)
    report(f"Wrote {averaged}: the mean of {config.name} and {origin['package']} at step {origin['step']:,}.")
    return averaged
