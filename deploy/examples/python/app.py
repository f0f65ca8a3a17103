"""ml-pipeline: finds the players in a video. video-ingestion calls it, and the trace goes on here."""

import os
import signal
import sys

import waitress
from flask import Flask, jsonify, request
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.trace import StatusCode

import pipeline
import tracing

tracer = trace.get_tracer("ml-pipeline")
app = Flask("ml-pipeline")
# Spans of the kind server, which take up the caller's trace. A probe is no request of a user.
FlaskInstrumentor().instrument_app(app, excluded_urls="healthz")


@app.get("/healthz")
def health():
    return "ok\n"


@app.post("/inference")
def inference():
    video_id = request.get_json()["video_id"]
    who = {
        "request.id": request.headers.get("X-Request-Id", ""),
        "user.plan": request.headers.get("X-User-Plan", "free"),
    }
    trace.get_current_span().set_attributes(who)
    tags = who | {"video.id": video_id, "ml.model.version": pipeline.MODEL_VERSION}
    with tracer.start_as_current_span("ml.inference", attributes=tags) as span:
        try:
            players = pipeline.infer(video_id, request.headers.get("X-Fault", ""))
        except pipeline.InferenceError as error:
            # It is answered here, so it never reaches the with, which would have recorded it.
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, str(error))
            return jsonify(error=type(error).__name__), error.status
    return jsonify(players=players)


def main() -> None:
    provider = tracing.start()
    host = os.environ.get("HOST", "127.0.0.1")
    server = waitress.create_server(app, host=host, port=int(os.environ.get("PORT", "8101")))
    # The server takes SystemExit for its end, and gives requests under way five seconds to be answered.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    print(f"ml-pipeline listens on http://{host}:{server.effective_port}", flush=True)
    try:
        server.run()
    finally:
        provider.shutdown()


if __name__ == "__main__":
    main()
