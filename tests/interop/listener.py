"""Small HTTP servers: one that takes notifications, one that passes calls on and remembers them."""

import http.server
import queue
import threading

import requests

DELIVERY_S = 60
# Of one connection between two others; never passed on.
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


class _Server:
    def __init__(self, handler):
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def body(self):
        return self.rfile.read(int(self.headers.get("content-length", 0)))

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Receiver(_Server):
    """Takes notifications as a merchant does. `statuses` are answered in turn, then `usual`."""

    def __init__(self):
        self.statuses = []
        self.usual = 204
        # Of each request, with its query.
        self.paths = []
        self._got = queue.Queue()
        receiver = self

        class Handler(_Handler):
            def do_POST(self):
                receiver.paths.append(self.path)
                receiver._got.put((dict(self.headers), self.body()))
                self.answer(receiver.statuses.pop(0) if receiver.statuses else receiver.usual)

        super().__init__(Handler)

    def next(self):
        """Headers and body of the next notification."""
        return self._got.get(timeout=DELIVERY_S)


class Recorder(_Server):
    """Stands before the simulated WeChat, passes everything on unchanged, and remembers what was asked."""

    def __init__(self, target):
        self.calls = []
        recorder = self

        class Handler(_Handler):
            def do_GET(self):
                body = self.body()
                recorder.calls.append(Call(self.command, self.path, dict(self.headers), body))
                headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
                # The client's own headers would be added otherwise.
                headers = {"accept-encoding": None, "user-agent": None, **headers}
                answer = requests.request(self.command, target.rstrip("/") + self.path, headers=headers, data=body, timeout=30)
                kept = [(name, value) for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP]
                self.answer(answer.status_code, kept, answer.content)

            do_POST = do_GET

        super().__init__(Handler)


class Call:
    def __init__(self, method, path, headers, body):
        self.method = method
        self.path = path
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body.decode()

    def __repr__(self):
        return f"{self.method} {self.path}"
