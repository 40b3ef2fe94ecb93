from setuptools import find_packages, setup

package_name = "act_core"

setup(
    name=package_name,
    version="0.1.0",
    packages=find_packages(),
    package_data={package_name: ["py.typed", "robots/*.yaml"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{package_name}"]),
        (f"share/{package_name}", ["package.xml"]),
    ],
    install_requires=["setuptools"],
    zip_safe=False,
    maintainer="act-so101 maintainers",
    maintainer_email="maintainers@act-so101.dev",
    description="SO-101 joint table, command limiter, timing, topic table and rclpy helpers.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": [
            "controlled_arm_node = act_core.entry:main_of.act_core.controlled_arm_node",
            "trajectory_node = act_core.entry:main_of.act_core.trajectory_node",
        ]
    },
)
