"""A fake Kinesis that counts and stores nothing: ``python fake_kinesis.py``, in its own process.

Prints its port, answers every PutRecord, and prints ``[connections, requests]`` when its stdin closes.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

_SEQUENCE = "49590338271490256608559692538361571095921575989136588898"
_ANSWER = json.dumps({"SequenceNumber": _SEQUENCE, "ShardId": "shardId-000000000000"}).encode()
_counted = {"connections": 0, "requests": 0}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        _counted["connections"] += 1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        _counted["requests"] += 1
        self.send_response(200)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("x-amzn-RequestId", "e3a1b2c4-0000-0000-0000-000000000000")
        self.send_header("Content-Length", str(len(_ANSWER)))
        self.end_headers()
        self.wfile.write(_ANSWER)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until stdin closes."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_address[1], flush=True)
    sys.stdin.read()
    print(json.dumps([_counted["connections"], _counted["requests"]]))


if __name__ == "__main__":
    main()
