"""A run's network averaged with the one that it began with: what Wortsman et al. (2022, "Model soups") found of networks that one was made from the other, the mean of their weights is
often better than either: here it keeps what the longer run unlearned."""

import shutil
from pathlib import Path

from . import initial, kinds, states, train


def run(config, work, beginning, report=print):
    """Write `work`/averaged, a folder like `work` whose checkpoints, of each variant, hold the mean of the run's weights and of those of `beginning`, a checkpoint or
    a package. They are for export and evaluation: the optimiser's state is that of the run. Returns the folder."""
    work = Path(work)
    averaged = work / "averaged"
    first = kinds.of(config).build(config)
    origin = initial.weights(beginning, first)
    others = first.state_dict()
    for folder in (work, work / "adversarial"):
        if folder != work and not (folder / "checkpoint.pt").exists():
            continue
        state = train.read_checkpoint(folder / "checkpoint.pt", config)
        network = {name: (value + others[name].to(value)) / 2 if value.is_floating_point() else value for name, value in state["network"].items()}
        into = averaged / folder.relative_to(work)
        states.save(into / "checkpoint.pt", {**state, "network": network, "averaged": origin})
        if (folder / "loss.csv").exists():
            shutil.copyfile(folder / "loss.csv", into / "loss.csv")
    report(f"Wrote {averaged}: the mean of {config.name} at step {state['step']:,} and {origin['package']} at step {origin['step']:,}.")
    return averaged
