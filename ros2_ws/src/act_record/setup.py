from setuptools import find_packages, setup

package_name = "act_record"

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(),
    package_data={package_name: ["py.typed"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (f"share/{package_name}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="act-so101 maintainers",
    maintainer_email="maintainers@act-so101.dev",
    description="Records demonstrations as bags and judges them; a film of a run.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "act-record = act_core.entry:main_of.act_record.cli",
            "act-replay = act_core.entry:main_of.act_record.replay_node",
            "act-teleop = act_core.entry:main_of.act_record.teleop_node",
            "film_node = act_core.entry:main_of.act_record.film_node",
            "record_node = act_core.entry:main_of.act_record.record_node",
        ]
    },
)
