# What .ci/run runs, in parts. `./spark-submit.sh test` prepares the environment that these use.
.PHONY: check ruff mypy shellcheck test docs

bin := .venv/bin
sources := spark-submit.sh .ci/run $(wildcard scripts/*.sh)

check: ruff mypy shellcheck

ruff:
	"$(bin)/ruff" check .
	"$(bin)/ruff" format --check .

mypy:
	"$(bin)/mypy"

shellcheck:
	"$(bin)/shellcheck" --external-sources $(sources)

test:
	./spark-submit.sh test

docs:
	"$(bin)/sphinx-build" --fail-on-warning --keep-going --quiet docs docs/_build/html
