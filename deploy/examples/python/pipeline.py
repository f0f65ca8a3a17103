"""The inference: three steps, a span each. The work is made up; the spans are what a real pipeline would have."""

import os
import random
import time

from opentelemetry import trace

MODEL_VERSION = os.environ.get("MODEL_VERSION", "2.4.1")
SLOW_SECONDS = 5.2

tracer = trace.get_tracer("ml-pipeline")


class InferenceError(Exception):
    """An inference that has no result, and the HTTP status that says so."""

    status = 500


class UnreadableVideo(InferenceError):
    """The video has no frame that can be decoded: the fault of whoever sent it."""

    status = 422


class ModelOutOfMemory(InferenceError):
    """The GPU has no room for the model."""


def infer(video_id: str, fault: str) -> int:
    """Returns how many players a video shows.

    Each step's span records what is raised in it and ends as a failed one: start_as_current_span sees to that.
    """
    tags = {"video.id": video_id, "ml.model.version": MODEL_VERSION}
    with tracer.start_as_current_span("ml.preprocessing", attributes=tags):
        _work()
        if fault == "preprocessing":
            raise UnreadableVideo(f"no frame of {video_id} can be decoded")
    with tracer.start_as_current_span("ml.model.inference", attributes=tags):
        _work()
        if fault == "model":
            raise ModelOutOfMemory("the GPU has no room for the model")
        if fault == "slow":
            time.sleep(SLOW_SECONDS)
    with tracer.start_as_current_span("ml.postprocessing", attributes=tags):
        _work()
    return 22


def _work() -> None:
    time.sleep(random.uniform(0.005, 0.02))
