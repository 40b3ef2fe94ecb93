from setuptools import find_packages, setup

package_name = "so101_driver"

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
    description="Driver of the SO-101 arm's servo bus, and a byte-level emulator of that bus.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "driver_node = act_core.entry:main_of.so101_driver.driver_node",
            "emulator_node = act_core.entry:main_of.so101_driver.emulator_node",
            "leader_node = act_core.entry:main_of.so101_driver.leader_node",
            "move_node = act_core.entry:main_of.so101_driver.move_node",
            "so101-emulator = act_core.entry:main_of.so101_driver.emulator.cli",
            "so101-setup = act_core.entry:main_of.so101_driver.setup.cli",
        ]
    },
)
