"""A receiver of Begini's webhooks with Python's standard library only. Copy it, and put your own work into take().

It reads BEGINI_API_KEY and BEGINI_INTEGRATION_ID, listens at LISTEN (default 127.0.0.1:8443), and speaks HTTPS itself when
TLS_CERT_FILE and TLS_KEY_FILE are set; otherwise something in front of it must.

The order matters: bound the body, verify its raw bytes, and only then parse and validate. Refusals say nothing about why, and
the log holds no UID, no payload and no signature.
"""

import hashlib
import hmac
import json
import os
import re
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MAX_BODY = 1 << 20  # bytes; events are a few KiB
UID = re.compile(r"[A-Za-z0-9-]{5,60}")
TYPES = {
    "psychometric_score.complete", "android_score.complete", "ios_score.complete",
    "application.complete", "application.expired", "application.incomplete", "application.cancelled",
}


class Refused(Exception):
    """A request that is answered with a status and no reason."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Receiver(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 15  # seconds that a client may be silent
    key = b""
    integration_id = ""
    taken = set()  # in production: a unique index over uid and type in the database
    lock = threading.Lock()

    def do_POST(self):
        try:
            if self.path.partition("?")[0] != "/begini":
                self.close_connection = True  # what was not read would be taken for the next request
                raise Refused(404)
            body = self.read_body()
            if not self.signed(body):
                raise Refused(401)
            self.take(*self.parse(body))
        except Refused as refusal:
            note(f"refused with {refusal.status}")
            self.answer(refusal.status, b'{"error":"refused"}')
        except OSError:
            self.close_connection = True  # the client has gone
        except Exception:
            # What went wrong stays inside: its text may hold the payload.
            note("failed while taking an event")
            self.answer(500, b'{"error":"failed"}')
        else:
            self.answer(200, b'{"status":"ok"}')  # exactly 200: the provider counts 201 and 204 as failures

    def other_method(self):
        note("refused with 405")
        self.answer(405, b'{"error":"refused"}', close=True)

    do_GET = do_HEAD = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = other_method

    def read_body(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self.read_chunks()
        length = self.headers.get("Content-Length", "")
        if not re.fullmatch(r"[0-9]{1,12}", length):
            self.close_connection = True
            raise Refused(411)
        if int(length) > MAX_BODY:
            self.discard(int(length))
            raise Refused(413)
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            self.close_connection = True
            raise Refused(400)
        return body

    def discard(self, length):
        """Reads on for a while, so that a client that writes first and reads then gets to see the answer."""
        self.close_connection = True
        left = min(length, 16 * MAX_BODY)
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 16))
            if not piece:
                return
            left -= len(piece)

    def read_chunks(self):
        body = b""
        while True:
            size = self.rfile.readline(64).split(b";")[0].strip()
            if not re.fullmatch(rb"[0-9a-fA-F]{1,8}", size):
                self.close_connection = True
                raise Refused(400)
            if len(body) + int(size, 16) > MAX_BODY:
                self.close_connection = True
                raise Refused(413)
            body += self.rfile.read(int(size, 16))
            if self.rfile.readline(64).strip():
                self.close_connection = True
                raise Refused(400)
            if int(size, 16) == 0:
                return body

    def signed(self, body):
        """Compares in constant time, over the bytes as they arrived."""
        given = self.headers.get_all("X-Signature") or []
        if len(given) != 1:
            return False
        expected = hmac.new(self.key, body, hashlib.sha512).hexdigest()
        # As bytes: compare_digest raises for text that is not ASCII, and a header may hold anything.
        return hmac.compare_digest(expected.encode(), given[0].encode("utf-8", "surrogateescape"))

    def parse(self, body):
        try:
            event = json.loads(body.decode("utf-8"), parse_constant=no_constant)
        except (ValueError, RecursionError):
            raise Refused(400) from None
        if not isinstance(event, dict):
            raise Refused(400)
        inner = event.get("event")
        uid = event.get("uid")
        if not isinstance(uid, str) or not UID.fullmatch(uid) or event.get("integration_id") != self.integration_id:
            raise Refused(422)
        if not isinstance(inner, dict) or not isinstance(inner.get("type"), str) or inner["type"] not in TYPES:
            raise Refused(422)
        return uid, inner["type"], inner

    def take(self, uid, event_type, event):
        """Does the work once, however often the event is delivered. Keep it short, or hand it to a queue: the provider does not wait."""
        with self.lock:
            if (uid, event_type) in self.taken:
                note("event known already")
                return
            self.taken.add((uid, event_type))
        note(f"event taken: {event_type}")

    def answer(self, status, body, close=False):
        try:
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if status == 405:
                self.send_header("Allow", "POST")
            if close or self.close_connection:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the client has gone

    def send_error(self, code, message=None, explain=None):
        """Answers what is no HTTP, without the page that quotes it."""
        self.answer(code, b'{"error":"refused"}', close=True)

    def log_message(self, *args):
        """The usual log line would hold what strangers send."""


def no_constant(name):
    raise ValueError("NaN and Infinity are no JSON")


def note(text):
    print(text, file=sys.stderr, flush=True)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A connection that failed is no reason to print a stack trace."""


def main():
    Receiver.key = os.environb.get(b"BEGINI_API_KEY", b"")
    Receiver.integration_id = os.environ.get("BEGINI_INTEGRATION_ID", "")
    if len(Receiver.key) < 16 or not Receiver.integration_id:  # an unset key must stop the program, not become a key
        sys.exit("set BEGINI_API_KEY and BEGINI_INTEGRATION_ID")
    host, _, port = os.environ.get("LISTEN", "127.0.0.1:8443").rpartition(":")
    server = Server((host, int(port)), Receiver)
    if os.environ.get("TLS_CERT_FILE"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(os.environ["TLS_CERT_FILE"], os.environ["TLS_KEY_FILE"])
        # The handshake belongs to the connection's own thread: a client that never finishes it must not hold up the others.
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    print("listening on %s:%d" % server.server_address[:2], flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()


if __name__ == "__main__":
    main()
