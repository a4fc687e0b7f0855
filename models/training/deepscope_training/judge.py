"""The second head of a run taught anew, the picture left as it is: for weights that were averaged, or whose judgement is too sure of itself."""

from pathlib import Path

import torch

from . import feeder, kinds, pool, train, widen
from .errors import TrainingError, only_one

HEAD = "scale"  # how the names of its parameters begin, and what its part of the loss and that part's weight are called (kinds.py)
STEPS = 2000


def head(network):
    """The parameters of the second head; all others stop learning."""
    network.requires_grad_(False)
    learning = [value for name, value in network.named_parameters() if name.startswith(HEAD)]
    for value in learning:
        value.requires_grad_(True)
    return learning


def teach(config, network, pool_folder, first, steps, precision, report):
    """Let the second head of `network` learn from `steps` batches, the first of which has number `first`, which this run has not seen.
    Its part of the loss on the validation fields, before and after."""
    training, kind = config.training, kinds.of(config)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network.to(device, memory_format=torch.channels_last)
    optimiser = torch.optim.Adam(head(network), lr=training.rate, betas=(0.9, 0.99))
    pool.fill(config, pool_folder, count=training.validation_fields + config.data.least, report=report)
    fields, count = pool.Pool(pool_folder), pool.available(pool_folder, config.data.fields)
    held = [v.to(device) for v in kind.validation(config, fields)]
    answer = train.answering(network, device, precision)
    before = train.validate(config, network, held)[HEAD]
    food = feeder.Feeder(config, pool_folder, fields, training.validation_fields)
    try:
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = train.rate_at(step / steps, step, training)
            total, _ = kind.loss(config, answer, tuple(t.to(device, non_blocking=True) for t in food.take(first + step, count)))
            if not torch.isfinite(total):
                raise TrainingError(f"The loss is not finite at step {step} of the second head; lower the rate ({training.rate}). Nothing was written.")
            optimiser.zero_grad(set_to_none=True)
            total.backward()
            optimiser.step()
    finally:
        food.end()
    return before, train.validate(config, network, held)[HEAD]


def run(config, work, pool_folder, steps=None, precision=None, report=print):
    """Write `work`/judged, a folder like `work` whose checkpoints, of each variant, hold the same picture and a second head taught for `steps`
    (STEPS), then fitted to whole pictures (`widen`). It takes minutes and begins anew when it was interrupted; the optimiser's state is that of the run. precision: as in train.run. Returns the folder."""
    steps = steps or STEPS
    if not getattr(config.training, HEAD, 0):
        raise TrainingError(f"Networks of the kind {config.kind} have no second head that judges their picture, or its weight in the loss is 0.")

    def anew(variant, state):
        network = kinds.of(config).build(config)
        network.load_state_dict(state["network"])
        learned = state.get("precision", "float32")
        taught = precision or learned
        before, after = teach(config, network, pool_folder, state["step"], steps, taught, report)
        network.cpu()
        line, told = widen.fit(config, network)
        report(f"The second head of the {variant} variant, {steps:,} steps: {before:.4f} before, {after:.4f} after (quantile loss). {told}")
        return {**state, "network": network.state_dict(), "judged": steps, "widened": line, "precision": train.coarser(learned, taught)}

    train.read_checkpoint(Path(work) / "checkpoint.pt", config)  # refused with a sentence before anything is held
    with only_one(Path(work)):
        return train.rewritten(config, work, "judged", anew)
