"""The launcher as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest

from launcher_clone import Clone


def test_help_lists_the_jobs_with_their_first_line(clone: Clone) -> None:
    code, out, _ = clone.run("--help")
    assert code == 0
    assert "  clean_text             Clean the text.\n  pipeline               Run all.\n" in out


def test_help_of_a_job_prepares_nothing(clone: Clone) -> None:
    code, out, err = clone.run("clean_text", "lake.path=x", "--help")
    assert (code, err) == (0, "")
    assert out.startswith("Clean the text.\n\nTwice.\n\nIts settings")
    assert not (clone.root / ".venv").exists()


def test_help_of_a_job_in_a_prepared_clone_comes_from_its_settings(prepared: Clone) -> None:
    _, _, err = prepared.run("clean_text", "--help")
    assert err.startswith("argument: -m\nargument: invoicelake.cli\nargument: help\nargument: clean_text\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Usage:"),
        (["--unknown"], "Usage:"),
        (["clean"], "there is no job 'clean'; the jobs are:\n  clean_text "),
        (["../jobs/clean_text"], "there is no job"),
        (["clean_text", "--env", "moon"], "there is no environment 'moon'; there is: cluster gpu local"),
        (["clean_text", "--env=../spark/local"], "there is no environment"),
        (["clean_text", "--env"], "there is no environment ''"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_prepared(
    clone: Clone, arguments: list[str], message: str
) -> None:
    code, out, err = clone.run(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not (clone.root / ".venv").exists()


def test_a_job_gets_its_arguments_as_they_were_given(prepared: Clone) -> None:
    code, out, err = prepared.run("clean_text", "input.path=a b", "--conf-file", "x.yaml", "")
    assert code == 0
    assert json.loads(out) == {"job": "stand-in"}
    given = [line.removeprefix("argument: ") for line in err.splitlines() if line.startswith("argument: ")]
    assert given == [f"{prepared.root}/jobs/clean_text.py", "input.path=a b", "--conf-file", "x.yaml", ""]


@pytest.mark.parametrize(
    "setting",
    [
        "INVOICELAKE_ENV=local",
        "INVOICELAKE_GIT_COMMIT=unknown",
        "PYTHONPATH={root}/libs",
        "JAVA_HOME={jvm}/java-17",
        r"PYSPARK_SUBMIT_ARGS=--properties-file {quoted}/conf/spark/local.conf"
        r" --driver-class-path {quoted}/.venv/jars/\* pyspark-shell",
        "LC_ALL=C.UTF-8",
    ],
)
def test_a_job_gets_its_environment(prepared: Clone, setting: str) -> None:
    quoted = str(prepared.root).replace(" ", r"\ ")
    expected = setting.format(root=prepared.root, jvm=prepared.jvm, quoted=quoted)
    _, _, err = prepared.run("clean_text", PYTHONPATH="/elsewhere")
    assert f"env: {expected}" in err.splitlines()


@pytest.mark.parametrize("code", [0, 1, 2, 130])
def test_exit_codes_pass_through(prepared: Clone, code: int) -> None:
    assert prepared.run("clean_text", STAND_IN_EXIT=str(code))[0] == code


def test_the_tests_are_run_by_the_environment(prepared: Clone) -> None:
    _, _, err = prepared.run("test", "-k", "a or b")
    assert "argument: -m\nargument: pytest\nargument: -k\nargument: a or b\n" in err


def test_a_jdk_17_beside_the_default_one_is_found(prepared: Clone) -> None:
    other = prepared.jvm / "java-21"
    prepared.jdk(other, "21.0.1")
    (other / "lib").mkdir()
    (other / "lib" / "modules").touch()
    prepared.program("java", link=str(other / "bin" / "java"))
    for environment in ({}, {"JAVA_HOME": str(other)}):
        assert f"env: JAVA_HOME={prepared.jvm}/java-17\n" in prepared.run("clean_text", **environment)[2]


def test_a_clone_in_git_names_its_commit(prepared: Clone) -> None:
    git = shutil.which("git")
    if git is None:
        pytest.skip("git is not installed")
    prepared.program("git", link=git)
    author = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    (prepared.root / ".gitignore").write_text(".venv*\n")
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([git, *command], cwd=prepared.root, env=os.environ | author, check=True)
    head = subprocess.check_output([git, "rev-parse", "HEAD"], cwd=prepared.root, text=True).strip()
    assert f"env: INVOICELAKE_GIT_COMMIT={head}\n" in prepared.run("clean_text")[2]
    (prepared.root / "setup.py").open("a").close()
    (prepared.root / "jobs" / "pipeline.py").write_text("changed")
    assert f"env: INVOICELAKE_GIT_COMMIT={head}-dirty\n" in prepared.run("clean_text")[2]
