"""The GPU profile on a Spark cluster whose one machine claims two GPUs: each rank is given one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyspark
import pytest

ROOT = Path(__file__).resolve().parents[2]
SPARK_HOME = Path(pyspark.__file__).parent
NVIDIA_SMI = """#!/bin/sh
[ "$1" = -L ] && printf 'GPU 0: NVIDIA H100 (UUID: GPU-5d)\\nGPU 1: NVIDIA H100 (UUID: GPU-7c)\\n'
"""
# What each rank was given, and what it says when TensorFlow cannot use it.
PROGRAM = """
import json, os, sys
import cloudpickle
from invoicelake.config import Training
from invoicelake.errors import JobError
from invoicelake.session import started
from invoicelake.training.launchers import launcher

def tried(rank):
    from invoicelake.training.devices import settle
    try:
        return str(settle("gpu"))
    except JobError as error:
        return str(error)

cloudpickle.register_pickle_by_value(sys.modules[__name__])
with started("gpus", 2):
    told = launcher(Training(processes=2, launcher="horovod")).train(tried, 2)
print("TOLD", json.dumps(told))
"""


@pytest.mark.slow
@pytest.mark.spark
def test_each_rank_is_given_a_gpu_of_its_own(tmp_path: Path) -> None:
    program, smi = tmp_path / "program.py", tmp_path / "bin" / "nvidia-smi"
    program.write_text(PROGRAM)
    smi.parent.mkdir()
    smi.write_text(NVIDIA_SMI)
    smi.chmod(0o755)
    changed = {
        "spark.master": "local-cluster[1,8,3072]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.executorEnv.PYTHONPATH": str(ROOT / "libs"),
        "spark.worker.resource.gpu.amount": "2",
        "spark.worker.resource.gpu.discoveryScript": str(ROOT / "scripts" / "gpu_resources.sh"),
        # As on a standalone cluster: what workers found is what executors get.
        "spark.files": str(ROOT / "scripts" / "gpu_resources.sh"),
        "spark.jars": ",".join(map(str, (ROOT / ".venv" / "jars").glob("*.jar"))),
    }
    done = subprocess.run(
        [
            str(SPARK_HOME / "bin" / "spark-submit"),
            *("--properties-file", str(ROOT / "conf" / "spark" / "gpu.conf")),
            *(word for key, value in changed.items() for word in ("--conf", f"{key}={value}")),
            str(program),
        ],
        env={
            **os.environ,
            "PATH": f"{smi.parent}:{os.environ['PATH']}",
            "SPARK_HOME": str(SPARK_HOME),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
            "PYTHONPATH": str(ROOT / "libs"),
            "INVOICELAKE_ENV": "gpu",
            "PYSPARK_SUBMIT_ARGS": "",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "TOLD " in done.stdout, done.stderr[-4000:]
    told = sorted(json.loads(done.stdout.split("TOLD ")[1]))
    assert [line[:5] for line in told] == ["GPU 0", "GPU 1"], told
    # A rank that finds none there names it all the same, in its error.
    assert all("given by Spark" in line for line in told), told
