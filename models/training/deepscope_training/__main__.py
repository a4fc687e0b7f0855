"""Command line: python3 -m deepscope_training {pool,train,average,judge,export,evaluate,remeasure,widen,beside,time,lookout,all} PACKAGE, or crossvalidate FOLDER."""

import argparse
import dataclasses
import os
import sys
from pathlib import Path

from .errors import TrainingError

DEFAULT_WORK = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "deepscope-training"


def parse(arguments):
    parser = argparse.ArgumentParser(prog="deepscope_training", description="Train, measure and package Deepscope's networks.")
    parser.add_argument("command", choices=["pool", "train", "average", "judge", "export", "evaluate", "remeasure", "widen", "beside", "time", "lookout", "all"])
    parser.add_argument("package", help="name of a package (widefield-sr), a YAML configuration, or 'everything'")
    parser.add_argument("--work", type=Path, help=f"folder for checkpoints (default {DEFAULT_WORK}/PACKAGE)")
    parser.add_argument("--pool", type=Path, help="folder for simulated fields (default WORK/pool)")
    parser.add_argument("--out", type=Path, help="folder of the package (default models/PACKAGE)")
    parser.add_argument("--minutes", type=float, help="train for so long; the learning rate falls accordingly")
    parser.add_argument("--steps", type=int, help="train up to this step")
    parser.add_argument("--threads", type=int, default=0, help="PyTorch threads (default: all)")
    parser.add_argument("--workers", type=int, default=1, help="processes that share the work: every batch of a training, the fields of a pool")
    parser.add_argument("--initial", type=Path, help="a checkpoint, or the folder of a package, whose weights a new training begins with, or is averaged with; beside: the folder in which another training was measured")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], help="in which a network computes while it learns (default: as before the interruption, else float32); bfloat16 is quicker where the processor has it")
    parser.add_argument("--wider", type=int, default=0, help="lookout: so many channels more in every layer than that of --initial")
    parser.add_argument("--blur", type=Path, help="lookout: a package whose lookout's opinion of blur is kept")
    parser.add_argument("--fields", type=int, help="evaluate on so many fields of each held-out family (super-resolution: and of those of the training) instead of the configuration's number")
    parser.add_argument("--rank", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    options = None if arguments[:1] == ["crossvalidate"] else parse(arguments)
    try:
        try:
            import torch
        except ImportError as error:
            raise TrainingError("PyTorch is not installed; on Debian: sudo apt install python3-torch python3-scipy python3-yaml python3-tifffile python3-matplotlib.") from error
        if options is None:
            from .localization import crossvalidate

            crossvalidate.run(crossvalidate.parse(arguments[1:]))
            return 0
        if options.threads:
            torch.set_num_threads(options.threads)
        run(options)
    except TrainingError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on from the last checkpoint or fold.", file=sys.stderr)
        return 130
    return 0


def run(options):
    from . import config as configuration

    if options.package == "everything":
        for name in configuration.names():
            folders = {key: getattr(options, key) and getattr(options, key) / name for key in ("work", "pool", "out")}
            make(argparse.Namespace(**{**vars(options), "package": name, **folders}))
    else:
        make(options)


def make(options):
    """One command for one package."""
    from . import average, config as configuration, judge, kinds, remembered, results, widen

    config = configuration.load(options.package)
    kind = kinds.of(config)
    if options.fields:
        config = dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, fields=options.fields))
    work = options.work or DEFAULT_WORK / config.name
    pool_folder = options.pool or work / "pool"
    out = options.out or configuration.PACKAGES / config.name
    if options.command == "pool":
        fill(options, config, pool_folder)
    if options.command in ("train", "all"):
        teach(options, config, work, pool_folder)
    if options.command == "average":
        if not options.initial:
            raise TrainingError("average needs --initial: the checkpoint or package whose weights the run began with.")
        average.run(config, work, options.initial)
    if options.command == "judge":
        judge.run(config, work, pool_folder, options.steps, options.precision)
    if options.command in ("export", "all"):
        kind.export(config, work, pool_folder, out)
    if options.command == "lookout":
        if not hasattr(kind, "watch"):
            raise TrainingError(f"Networks of the kind {config.kind} have no lookout.")
        chosen = {name: getattr(options, name) for name in ("steps", "initial", "precision", "wider", "blur")}
        kind.watch(config, work, pool_folder, out, **chosen)
    if options.command in ("evaluate", "remeasure", "widen", "all"):
        remembered.keep(DEFAULT_WORK / "rivals")
    if options.command in ("evaluate", "remeasure", "all"):
        kind.evaluate(config, None if options.command == "remeasure" else work, out)
    if options.command == "widen":
        widen.run(config, out)
    if options.command == "beside":
        if not options.initial:
            raise TrainingError("beside needs --initial: the folder in which another training of the network was measured.")
        results.beside(config, out, options.initial)
    if options.command == "time":
        kind.retime(config, out)


def fill(options, config, folder):
    """Make the pool, alone or with others that take every n-th field."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from . import pool

    if options.workers <= 1:
        pool.fill(config, folder)
        return
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as crew:
        for part in [crew.submit(pool.fill, config, folder, start, options.workers) for start in range(options.workers)]:
            part.result()


def teach(options, config, work, pool_folder):
    """Train, alone or as the leader or a member of a crew; then once more with the adversary, where the configuration has one."""
    import torch

    from . import crew, kinds, train

    adversarial = [False, True] if kinds.of(config).critic(config) else [False]
    if options.workers > 1:
        torch.set_num_threads(1)
    members = []
    if options.workers > 1 and options.rank == 0:
        limits = [["--" + name, str(getattr(options, name))] for name in ("minutes", "steps", "initial", "precision") if getattr(options, name)]
        stages = [work / "adversarial" if second else work for second in adversarial]
        members = crew.start(options.workers, stages, [options.package, "--work", str(work), "--pool", str(pool_folder), *sum(limits, [])])
    try:
        for second in adversarial:
            train.run(
                config, work, pool_folder, options.minutes, options.steps, source=options.package, rank=options.rank, workers=options.workers,
                initial=options.initial, adversarial=second, precision=options.precision,
            )  # fmt: skip
    finally:
        for member in members:
            member.terminate()
            member.wait()


if __name__ == "__main__":
    sys.exit(main())
