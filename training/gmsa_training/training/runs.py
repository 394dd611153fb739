"""Several runs side by side on one GPU: `python -m gmsa_training runs A.yaml B.yaml --data DIR --out DIR`. Each
configuration gets the folder OUT/<its file's name>, with `log.txt` beside what `train` writes.

Nothing is started again: a folder that holds a run is refused unless --continue says to go on from its checkpoint, and
a run that fails stays failed, while the others go on. Ends with one line a run and with code 1 if any failed."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gmsa_training.config import ConfigError, load_config

_POLL_SECONDS = 0.5
_GRACE_SECONDS = 20.0  # to end after an interrupt


@dataclass
class Run:
    """One process. seconds: how long it took, once it has ended."""

    name: str
    folder: Path
    process: subprocess.Popen[bytes]
    log: IO[bytes]
    started: float
    seconds: float | None = None

    def ended(self) -> bool:
        """True once, when the process has ended."""
        if self.seconds is not None or self.process.poll() is None:
            return False
        self.seconds = time.monotonic() - self.started
        self.log.close()
        return True


def plan(configs: list[Path], out: Path, going_on: bool) -> dict[str, tuple[Path, Path]]:
    """Name -> configuration and folder; raises ConfigError before anything is started."""
    found: dict[str, tuple[Path, Path]] = {}
    for path in configs:
        if not path.is_file():
            raise ConfigError(f"There is no configuration at {path}.")
        load_config(path)
        if path.stem in found:
            raise ConfigError(f"Two configurations are named {path.stem}; each needs a folder of its own.")
        folder = out / path.stem
        if not going_on and folder.is_dir() and any(folder.iterdir()):
            raise ConfigError(f"{folder} holds a run already; choose another --out, or --continue from its checkpoint.")
        found[path.stem] = (path, folder)
    return found


def start(name: str, config: Path, folder: Path, data: Path, options: list[str], threads: int) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    log = open(folder / "log.txt", "ab")
    command = [sys.executable, "-m", "gmsa_training.training.train", "--config", config, "--data", data, "--out", folder, *options]
    environment = {"OMP_NUM_THREADS": str(threads)} | os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [str(part) for part in command], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
    )
    return Run(name, folder, process, log, time.monotonic())


def wait(runs: list[Run]) -> None:
    """Until all have ended."""
    while any(run.seconds is None for run in runs):
        for run in runs:
            if run.ended():
                print(f"{run.name}: exit code {run.process.returncode} after {run.seconds:.0f} s", flush=True)
        time.sleep(_POLL_SECONDS)


def end(runs: list[Run]) -> None:
    """Ends those that still run."""
    for run in runs:
        if run.process.poll() is None:
            run.process.terminate()
    for run in runs:
        try:
            run.process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            run.process.kill()
            run.process.wait()
        run.ended()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m gmsa_training runs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("configs", type=Path, nargs="+", help="YAML files, such as configs/ablations/*.yaml")
    parser.add_argument("--data", type=Path, required=True, help="folder of the data files")
    parser.add_argument("--out", type=Path, required=True, help="gets a folder for each run")
    parser.add_argument("--base", help="overrides the base model of all")
    parser.add_argument("--resume-from", type=Path, help="packed checkpoint or shipped model folder that all start from")
    parser.add_argument("--workers", type=int, help="data processes of each run; default: the cores, divided among the runs")
    parser.add_argument("--continue", action="store_true", dest="going_on", help="goes on from the checkpoints of earlier runs")
    options = parser.parse_args(arguments)
    try:
        planned = plan(options.configs, options.out, options.going_on)
    except ConfigError as error:
        print(f"runs: {error}", file=sys.stderr)
        return 2
    cores = max(1, (os.cpu_count() or 1) // len(planned))
    shared = ["--workers", str(max(1, cores - 1) if options.workers is None else options.workers)]
    shared += ["--base", options.base] if options.base else []
    shared += ["--resume-from", str(options.resume_from)] if options.resume_from else []
    runs: list[Run] = []
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that no run outlives this process
    try:
        for name, (config, folder) in planned.items():
            runs.append(start(name, config, folder, options.data, shared, cores))
            print(f"{name}: started, log in {folder / 'log.txt'}", flush=True)
        wait(runs)
    except KeyboardInterrupt:
        print("runs: interrupted; ending all runs", file=sys.stderr)
        return 130
    finally:
        end(runs)
        signal.signal(signal.SIGTERM, before)
    failed = [run for run in runs if run.process.returncode]
    print(f"{len(runs) - len(failed)} of {len(runs)} runs ended well" + "".join(f"; {run.name}: {run.process.returncode}" for run in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
