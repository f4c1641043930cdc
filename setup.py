"""Packages of the distribution: the rooms, and the bundled files of `resources/`, which live beside them."""

from pathlib import Path

from setuptools import find_packages, setup

RESOURCES = "mlops_desktop.resources"
folders = [Path("resources"), *(path for path in sorted(Path("resources").rglob("*")) if path.is_dir())]
names = {".".join([RESOURCES, *folder.parts[1:]]): folder for folder in folders}

setup(
    packages=[*find_packages(include=["mlops_desktop*"]), *names],
    package_dir={name: folder.as_posix() for name, folder in names.items()},
    package_data={
        "": ["*.toml", "*.parquet", "*.md", "*.svg", "*.ttf", "*.otf", "*.txt", "*.html", "*.j2", "*.css"],
        "mlops_desktop.governance": ["templates/*"],
    },
)
