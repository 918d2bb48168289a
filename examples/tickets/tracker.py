"""What github.py and jira.py share: reading tickets, and calling an API with a token over HTTPS."""
import json
import sys
import time
import urllib.error
import urllib.request


def tickets(stream=sys.stdin):
    """The tickets of `prelaunch tickets`, one JSON object a line."""
    for line in stream:
        if line.strip():
            yield json.loads(line)


class API:
    def __init__(self, base, authorization):
        # A token goes to nobody in the clear; loopback is for tests.
        if not base.startswith(("https://", "http://127.0.0.1:")):
            sys.exit("the API's URL is not https")
        self.base, self.authorization = base.rstrip("/"), authorization

    def call(self, method, path, payload=None):
        """The JSON of the response. A rate limit is waited for, at most five times and a minute each."""
        body = None if payload is None else json.dumps(payload).encode()
        for attempt in range(5):
            request = urllib.request.Request(self.base + path, body, method=method, headers={
                "Authorization": self.authorization, "Accept": "application/json",
                "Content-Type": "application/json", "User-Agent": "prelaunch-tickets"})
            try:
                with urllib.request.urlopen(request, timeout=30) as response:
                    return json.loads(response.read() or b"null")
            except urllib.error.HTTPError as error:
                wait = error.headers.get("Retry-After")
                if error.code not in (403, 429) or wait is None or attempt == 4:
                    sys.exit("%s %s: %d %s" % (method, path, error.code, error.read(500).decode(errors="replace")))
                time.sleep(min(float(wait), 60))
