#!/usr/bin/env python3
"""Keeps Jira issues in step with an integration's findings. Running it twice changes nothing.

    prelaunch tickets --store /var/lib/prelaunch/acme --format jira --jira-project SEC --jira-transition 31 | ./jira.py

JIRA_URL is such as https://acme.atlassian.net; JIRA_USER and JIRA_TOKEN are an account's and its API token. An issue is found by its
label prelaunch-KEY.
"""
import base64
import os
import re
import sys

from tracker import API, tickets

login = "%s:%s" % (os.environ["JIRA_USER"], os.environ["JIRA_TOKEN"])
api = API(os.environ["JIRA_URL"], "Basic " + base64.b64encode(login.encode()).decode())


def find(key):
    found = api.call("POST", "/rest/api/3/search/jql", {
        "jql": 'labels = "prelaunch-%s" ORDER BY created DESC' % key, "fields": ["status", "labels"], "maxResults": 1})
    return next(iter(found["issues"]), None)


for ticket in tickets():
    action, key = ticket.pop("action"), ticket.pop("key")
    if not re.fullmatch("[0-9a-f]{16}", key):
        sys.exit("%r is no key" % key)
    issue = find(key)
    fields = issue["fields"] if issue else {}
    settled = issue and (fields["status"]["statusCategory"]["key"] == "done" or "prelaunch-resolved" in fields["labels"])
    path = issue and "/rest/api/3/issue/" + issue["key"]
    if action == "close":
        if issue and not settled:
            if "transition" in ticket:
                api.call("POST", path + "/transitions", ticket)
            else:
                api.call("PUT", path, ticket)
    elif issue and not settled:
        for name in ("project", "issuetype"):
            ticket["fields"].pop(name, None)
        api.call("PUT", path, ticket)
    elif "project" in ticket["fields"]:  # new, or there again after it was solved
        issue = api.call("POST", "/rest/api/3/issue", ticket)
    else:
        print("no issue is open for", key, "and an update makes none", file=sys.stderr)
    print(action, key, issue["key"] if issue else "-")
