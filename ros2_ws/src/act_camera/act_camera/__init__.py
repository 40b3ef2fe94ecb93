"""One camera on its topics: a USB camera, a video file or a synthetic pattern."""
