"""A place that the audit log is sent to, in another language: receiver.py http|syslog PORT CERTIFICATE KEY FILE [TOKEN] [LAME].

What comes is appended to FILE, an item a line, and only then acknowledged. LAME: of so many requests the first is written and
answered 503, as by a collector that fails at the last moment.
"""
import http.server
import json
import socketserver
import ssl
import sys
import threading

kind, port, certificate, key, path, *more = sys.argv[1:]
token, lame = more[0] if more else None, int(more[1]) if len(more) > 1 else 0
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
lock, requests = threading.Lock(), 0


def keep(items):
    with lock, open(path, "ab", buffering=0) as out:
        out.write(b"".join(item + b"\n" for item in items))


class Http(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global requests
        body = self.rfile.read(int(self.headers["content-length"]))
        if token and self.headers["authorization"] != f"Bearer {token}":
            return self.answer(401)
        if self.headers["content-type"] != "application/x-ndjson" or self.path != "/in?log=clinic":
            return self.answer(400)
        lines = body.split(b"\n")
        if lines.pop() != b"":
            return self.answer(400)
        keep(lines)
        requests += 1
        self.answer(503 if lame and requests % lame == 1 else 204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Syslog(socketserver.BaseRequestHandler):
    def handle(self):
        rest = b""
        while True:
            part = self.request.recv(65536)
            if not part:
                assert rest == b"", "half a frame"
                return
            rest += part
            items = []
            while b" " in rest[:8]:
                length, _, after = rest.partition(b" ")
                if len(after) < int(length):
                    break
                message, rest = after[: int(length)], after[int(length) :]
                priority, time, host, app, pid, kind, nothing, text = message.split(b" ", 7)
                record = json.loads(text)
                assert [priority, app, nothing] == [b"<110>1", b"hippocrypt", b"-"] and int(pid), message
                expected = [record.get("ts", "-"), record.get("node", "-"), record.get("type", "checkpoint")]
                assert [time.decode(), host.decode(), kind.decode()] == expected, message
                items.append(text)
            keep(items)


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = daemon_threads = True

    def get_request(self):
        connection, address = super().get_request()
        return context.wrap_socket(connection, server_side=True), address


with Server(("127.0.0.1", int(port)), Http if kind == "http" else Syslog) as server:
    server.serve_forever()
