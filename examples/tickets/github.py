#!/usr/bin/env python3
"""Keeps GitHub issues in step with an integration's findings. Running it twice changes nothing.

    prelaunch tickets --store /var/lib/prelaunch/acme --format github | ./github.py acme/payments

GITHUB_TOKEN needs the permission issues: write. An issue is found by the comment that ends its body, so it may be renamed.
"""
import os
import re
import sys
import urllib.parse

from tracker import API, tickets

repository = sys.argv[1]
api = API(os.environ.get("GITHUB_API_URL", "https://api.github.com"), "Bearer " + os.environ["GITHUB_TOKEN"])
issues = "/repos/%s/issues" % urllib.parse.quote(repository)

numbers, page = {}, 1
while True:
    batch = api.call("GET", "%s?labels=prelaunch&state=all&per_page=100&page=%d" % (issues, page))
    for issue in batch:
        marked = re.search(r"<!-- prelaunch key=([0-9a-f]{16}) ", issue.get("body") or "")
        if marked and "pull_request" not in issue:
            numbers.setdefault(marked[1], issue["number"])
    if len(batch) < 100:
        break
    page += 1

for ticket in tickets():
    action, key = ticket.pop("action"), ticket.pop("key")
    number = numbers.get(key)
    if number is None and action != "close":
        number = numbers[key] = api.call("POST", issues, ticket)["number"]
    elif number is not None:
        if action != "close":
            ticket["state"] = "open"  # it was closed by hand, or was thought to be solved
        api.call("PATCH", "%s/%d" % (issues, number), ticket)
    print(action, key, "-" if number is None else "#%d" % number)
