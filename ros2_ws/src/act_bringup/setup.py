from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

package_name = "act_bringup"

# What runs of them: the folder training/ of a policy is its record, and stays in the repository.
policies = {
    str(folder): [str(path) for path in folder.iterdir() if path.is_file()]
    for folder in sorted(Path("policies").iterdir())
    if folder.is_dir()
}

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(),
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (f"share/{package_name}", ["package.xml"]),
        (f"share/{package_name}/launch", glob("launch/*.launch.py")),
        (f"share/{package_name}/config", glob("config/*")),
        (f"share/{package_name}/hook", glob("hook/*")),
        *((f"share/{package_name}/{folder}", files) for folder, files in policies.items()),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="act-so101 maintainers",
    maintainer_email="maintainers@act-so101.dev",
    description="Launch files and parameters of the runtime.",
    license="Apache-2.0",
)
