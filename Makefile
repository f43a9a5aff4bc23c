# What .ci/run runs, in parts. `./spark-submit.sh test` prepares the environment that these use.
.PHONY: check test docs

bin := .venv/bin
scripts := spark-submit.sh .ci/run $(wildcard scripts/*.sh)

check:
	"$(bin)/ruff" check .
	"$(bin)/ruff" format --check .
	"$(bin)/mypy"
	"$(bin)/shellcheck" --external-sources $(scripts)

test:
	./spark-submit.sh test

docs:
	"$(bin)/sphinx-build" --fail-on-warning --keep-going --quiet docs docs/_build/html
