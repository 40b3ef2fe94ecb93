"""The pictures that the steps of an episode need, from their bag."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from act_core.policy_spec import PolicySpec
from act_policy.image_fit import resize
from act_record import cdr
from act_record.bag_reader import Bag
from act_record.timeline import camera_of
from numpy.typing import NDArray
from rosbag_lite import BagMessage

from act_training.datasets.bag.episode_steps import Step, frames_of
from act_training.datasets.errors import DatasetError

THREADS = 2
MEMORY_SHARE = 0.5  # of the computer's, for the pictures of one episode


def check_memory(steps: Sequence[Step], spec: PolicySpec) -> None:
    """DatasetError for an episode that does not fit: pictures are held as they are, unpacked."""
    needed = len(steps) * sum(image.height * image.width * 3 for image in spec.image_inputs)
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > MEMORY_SHARE * there:
        raise DatasetError(
            f"its pictures take {needed / 1e9:.1f} GB, and this computer has {there / 1e9:.1f} GB "
            "of memory: shrink them with --height and --width"
        )


def read_images(bag: Bag, steps: Sequence[Step], spec: PolicySpec) -> dict[str, NDArray[np.uint8]]:
    """(T, H, W, 3) of every camera. DatasetError for a picture that is damaged or does not fit."""
    wanted = frames_of(steps)
    inputs = {image.camera: image for image in spec.image_inputs}
    found = {c: np.empty((len(steps), *image.shape), np.uint8) for c, image in inputs.items()}

    def fill(message: BagMessage, camera: str, row: int) -> None:
        try:
            picture = cdr.read_image(message.data, message.type_name)
            found[camera][row] = resize(picture, inputs[camera])
        except ValueError as error:
            raise DatasetError(f"image {row} of camera '{camera}': {error}") from error

    # Decoding and shrinking are OpenCV's work, beside which Python reads on.
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[None]] = deque()
        for message, camera, row in _pictures(bag, wanted):
            waiting.append(pool.submit(fill, message, camera, row))
            if len(waiting) > 4 * THREADS:  # each holds a picture
                waiting.popleft().result()
        for future in waiting:
            future.result()
    return found


def _pictures(
    bag: Bag, wanted: Mapping[int, Sequence[tuple[str, int]]]
) -> Iterator[tuple[BagMessage, str, int]]:
    """The image messages that are wanted by their numbers, with the camera and row of each."""
    last, number = max(wanted), -1
    for message in bag.messages(verify=False):  # the timeline was made of verified messages
        if camera_of(message.topic.lstrip("/"), message.type_name) is None:
            continue
        number += 1
        for camera, row in wanted.get(number, ()):
            yield message, camera, row
        if number >= last:
            return
