"""GPUs as far as a machine without one can tell: discovered, built for, asked of Spark."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from launcher_clone import ROOT, Clone

TOOLS = ("awk", "bash", "cat", "env", "g++", "getconf", "grep", "sed", "tail", "uname")
# Answers as nvidia-smi does to the two questions that the scripts ask; old ones do not know the second.
NVIDIA_SMI = """#!/usr/bin/env bash
cd "$(printf %s "${BASH_SOURCE[0]%/*}")"
if [[ $1 == -L ]]; then cat listed; exit "$(cat code)"; fi
[[ -s modes ]] && cat modes
"""
TWO = "GPU 0: NVIDIA H100 (UUID: GPU-5d5ba0d6)\nGPU 1: NVIDIA H100 (UUID: GPU-7c1a93f0)\n"
DIVIDED = """GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-5d5ba0d6)
  MIG 3g.20gb     Device  0: (UUID: MIG-c6d4f1ef-42e4)
  MIG 1g.5gb      Device  1: (UUID: MIG-cba663e8-9bed)
GPU 1: NVIDIA A100-SXM4-40GB (UUID: GPU-7c1a93f0)
"""
NO_DRIVER = "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver."

# why, what `nvidia-smi -L` says, its exit code, the MIG mode of each GPU, addresses or the message
DISCOVERED = [
    ("whole GPUs", TWO, 0, "0, [N/A]\n1, [N/A]\n", ["0", "1"]),
    (
        "one in parts",
        DIVIDED,
        0,
        "0, Enabled\n1, Disabled\n",
        ["MIG-c6d4f1ef-42e4", "MIG-cba663e8-9bed", "1"],
    ),
    ("one that has no parts yet", TWO, 0, "0, Enabled\n1, Disabled\n", ["1"]),
    ("an old driver", TWO, 0, "", ["0", "1"]),
    ("none that has parts yet", TWO, 0, "0, Enabled\n1, Enabled\n", "no GPU can be used on"),
    ("no GPU", "No devices found.\n", 0, "", "no GPU can be used on .*No devices found"),
    ("no driver", NO_DRIVER, 9, "", f"nvidia-smi -L failed on .*: {NO_DRIVER}"),
    ("no nvidia-smi", None, 0, "", "nvidia-smi is not on PATH .*: install NVIDIA's driver"),
]


def programs(folder: Path, listed: str | None, code: int = 0, modes: str = "") -> Path:
    """A folder for PATH, with a stand-in for nvidia-smi where `listed` is what it says."""
    folder.mkdir()
    for tool in TOOLS:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    if listed is not None:
        for name, text in (("listed", listed), ("code", str(code)), ("modes", modes)):
            (folder / name).write_text(text)
        (folder / "nvidia-smi").write_text(NVIDIA_SMI)
        (folder / "nvidia-smi").chmod(0o755)
    return folder


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("listed", "code", "modes", "expected"), [case[1:] for case in DISCOVERED], ids=[c[0] for c in DISCOVERED]
)
def test_gpus_are_discovered(
    tmp_path: Path, listed: str | None, code: int, modes: str, expected: list[str] | str
) -> None:
    path = programs(tmp_path / "bin", listed, code, modes)
    done = run(ROOT / "scripts" / "gpu_resources.sh", PATH=str(path))
    if isinstance(expected, list):
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout) == {"name": "gpu", "addresses": expected}
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert re.search(f"gpu_resources.sh: {expected}", done.stderr), done.stderr


# Prints what Horovod would be built for, its flags for GPUs, and the name of its wheel's folder.
CHOOSE = """
set -euo pipefail
venv=. python=$PYTHON cache=.
. scripts/machine.sh; . scripts/packages.sh; . scripts/horovod.sh
find_cuda
printf '%s\n' "$cuda_told" "${cuda_flags[*]-}"; horovod_folder
"""


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """A CUDA toolkit with NCCL in it."""
    home = tmp_path / "cuda"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "nvcc").write_text("#!/bin/sh\necho release 12.2\n")
    (home / "bin" / "nvcc").chmod(0o755)
    (home / "include").mkdir()
    (home / "include" / "nccl.h").write_text("#define NCCL_MAJOR 2\n#define NCCL_MINOR 16\n")
    return home


def chosen(clone: Clone, path: Path, **environment: str) -> tuple[str, list[str], str]:
    # The places that are looked into beside those that are named are this machine's own.
    script = clone.root / "scripts" / "cuda.sh"
    script.write_text(
        script.read_text().replace("/usr/local/cuda", "/none").replace('"$cuda" /usr)', '"$cuda")')
    )
    begin = f'root={str(clone.root)!r}; cd -- "$root"\n'
    done = run("bash", "-c", begin + CHOOSE, PATH=str(path), PYTHON=sys.executable, **environment)
    assert done.returncode == 0, done.stderr
    told, flags, folder = done.stdout.splitlines()
    return told, flags.split(), folder


def test_horovod_is_built_for_gpus_where_all_it_takes_is_there(
    clone: Clone, tmp_path: Path, toolkit: Path
) -> None:
    with_gpu, without = programs(tmp_path / "gpu", TWO), programs(tmp_path / "cpu", None)
    home = {"CUDA_HOME": str(toolkit)}
    told, flags, gpu_wheel = chosen(clone, with_gpu, **home)
    assert told == f"for GPUs, over NCCL: CUDA in {toolkit}, NCCL in {toolkit}"
    assert flags == [
        "HOROVOD_GPU=CUDA",
        "HOROVOD_GPU_OPERATIONS=NCCL",
        f"HOROVOD_CUDA_HOME={toolkit}",
        f"HOROVOD_NCCL_HOME={toolkit}",
    ]
    told, flags, cpu_wheel = chosen(clone, without, **home)
    assert (told, flags) == ("for processors: no GPU is here", [])
    assert cpu_wheel != gpu_wheel
    (toolkit / "include" / "nccl.h").write_text("#define NCCL_MAJOR 2\n#define NCCL_MINOR 18\n")
    assert chosen(clone, with_gpu, **home)[2] not in (gpu_wheel, cpu_wheel)
    assert chosen(clone, with_gpu, **home, INVOICELAKE_GPU="off")[1:] == ([], cpu_wheel)


@pytest.mark.parametrize(
    ("missing", "told"),
    [("bin/nvcc", "a GPU is here, but no CUDA toolkit"), ("include/nccl.h", "a GPU is here, but no NCCL")],
)
def test_what_is_missing_to_build_for_gpus_is_told(
    clone: Clone, tmp_path: Path, toolkit: Path, missing: str, told: str
) -> None:
    (toolkit / missing).unlink()
    found, flags, _ = chosen(clone, programs(tmp_path / "gpu", TWO), CUDA_HOME=str(toolkit))
    assert f"for processors: {told}" in found
    assert flags == []


def properties(name: str) -> dict[str, str]:
    lines = (ROOT / "conf" / "spark" / name).read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


def test_the_gpu_profile_is_that_of_a_cluster_with_a_gpu_for_each_task() -> None:
    cluster, gpu = properties("cluster.conf"), properties("gpu.conf")
    changed = {key: value for key, value in gpu.items() if cluster.get(key) != value}
    assert set(cluster) <= set(gpu)
    assert changed.pop("spark.executor.cores") == changed.pop("spark.task.cpus")
    assert changed == {
        "spark.executor.resource.gpu.amount": "1",
        "spark.executor.resource.gpu.discoveryScript": "./gpu_resources.sh",
        "spark.executor.resource.gpu.vendor": "nvidia.com",
        "spark.task.maxFailures": "1",
        "spark.task.resource.gpu.amount": "1",
    }
    assert (gpu["spark.dynamicAllocation.enabled"], gpu["spark.speculation"]) == ("false", "false")


@pytest.mark.parametrize(("env", "is_sent"), [("gpu", True), ("cluster", False)])
def test_the_discovery_script_is_sent_to_executors_that_look_for_gpus(
    prepared: Clone, tmp_path: Path, env: str, is_sent: bool
) -> None:
    submit = tmp_path / "spark" / "bin" / "spark-submit"
    submit.parent.mkdir(parents=True)
    submit.write_text('#!/usr/bin/env bash\nprintf "%s\\n" "$@"\n')
    submit.chmod(0o755)
    _, out, err = prepared.run(
        "pipeline", "--env", env, MASTER="spark://x:7077", SPARK_HOME=str(tmp_path / "spark")
    )
    assert f"--properties-file\n{prepared.root}/conf/spark/{env}.conf" in out, err
    assert (f"--files\n{prepared.root}/scripts/gpu_resources.sh\n" in out) is is_sent
