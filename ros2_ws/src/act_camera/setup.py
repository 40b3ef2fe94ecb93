from setuptools import find_packages, setup

package_name = "act_camera"

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
    description="One camera on its topics: USB camera, video file or synthetic pattern.",
    license="Apache-2.0",
    entry_points={
        "console_scripts": ["camera_node = act_core.entry:main_of.act_camera.camera_node"]
    },
)
