-- Written once for both databases: {blob} and {id} are the types that differ. Times are Unix milliseconds in UTC,
-- 0 where there is none, so that both databases order and compare them alike.

CREATE TABLE integration (
    name          TEXT PRIMARY KEY,
    team          TEXT NOT NULL,
    source        TEXT NOT NULL,
    path          TEXT NOT NULL,
    provider      TEXT NOT NULL DEFAULT '',
    config_digest TEXT NOT NULL DEFAULT '',
    profile_digest TEXT NOT NULL DEFAULT '',
    policy_digest TEXT NOT NULL DEFAULT '',
    schedule      TEXT NOT NULL DEFAULT '',
    problem       TEXT NOT NULL DEFAULT '',
    paused        BOOLEAN NOT NULL DEFAULT FALSE,
    removed_at    BIGINT NOT NULL DEFAULT 0,
    next_due_at   BIGINT NOT NULL DEFAULT 0,
    due_reason    TEXT NOT NULL DEFAULT '',
    job           BIGINT NOT NULL DEFAULT 0,
    status        TEXT NOT NULL DEFAULT 'unknown',
    status_since  BIGINT NOT NULL DEFAULT 0,
    valid_until   BIGINT NOT NULL DEFAULT 0,
    last_run      TEXT NOT NULL DEFAULT '',
    last_finished BIGINT NOT NULL DEFAULT 0,
    last_passed   TEXT NOT NULL DEFAULT '',
    failures      BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX integration_due ON integration (next_due_at, name);

CREATE TABLE run (
    id            TEXT PRIMARY KEY,
    integration   TEXT NOT NULL,
    reason        TEXT NOT NULL,
    state         TEXT NOT NULL,
    started_at    BIGINT NOT NULL,
    finished_at   BIGINT NOT NULL DEFAULT 0,
    status        TEXT NOT NULL DEFAULT '',
    passed        BIGINT NOT NULL DEFAULT 0,
    failed        BIGINT NOT NULL DEFAULT 0,
    warned        BIGINT NOT NULL DEFAULT 0,
    inconclusive  BIGINT NOT NULL DEFAULT 0,
    waived        BIGINT NOT NULL DEFAULT 0,
    not_applicable BIGINT NOT NULL DEFAULT 0,
    report        TEXT NOT NULL DEFAULT '',
    facts         TEXT NOT NULL DEFAULT '',
    config_digest TEXT NOT NULL DEFAULT '',
    policy_digest TEXT NOT NULL DEFAULT '',
    valid_until   BIGINT NOT NULL DEFAULT 0,
    worker        TEXT NOT NULL DEFAULT '',
    version       TEXT NOT NULL DEFAULT '',
    job           BIGINT NOT NULL DEFAULT 0,
    problem       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX run_integration ON run (integration, started_at);
CREATE INDEX run_unfinished ON run (worker) WHERE state = 'running';
CREATE INDEX run_started ON run (started_at);
CREATE INDEX run_job ON run (job);
CREATE INDEX run_report ON run (report) WHERE report <> '';
CREATE INDEX run_facts ON run (facts) WHERE facts <> '';

CREATE TABLE document (
    digest    TEXT PRIMARY KEY,
    size      BIGINT NOT NULL,
    content   {blob} NOT NULL,
    stored_at BIGINT NOT NULL
);

CREATE TABLE finding (
    id           TEXT PRIMARY KEY,
    integration  TEXT NOT NULL,
    scope        TEXT NOT NULL,
    check_id     TEXT NOT NULL,
    environment  TEXT NOT NULL,
    level        TEXT NOT NULL,
    severity     TEXT NOT NULL,
    outcome      TEXT NOT NULL,
    state        TEXT NOT NULL,
    message      TEXT NOT NULL,
    owner        TEXT NOT NULL DEFAULT '',
    expires_at   BIGINT NOT NULL DEFAULT 0,
    first_seen   BIGINT NOT NULL,
    last_seen    BIGINT NOT NULL,
    closed_at    BIGINT NOT NULL DEFAULT 0,
    first_run    TEXT NOT NULL,
    last_run     TEXT NOT NULL,
    ticket       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX finding_integration ON finding (integration, state);
CREATE INDEX finding_check ON finding (check_id, state);

-- What a configuration rests on that expires: waivers, attestations, declarations.
CREATE TABLE expiry (
    integration TEXT NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    person      TEXT NOT NULL,
    expires_at  BIGINT NOT NULL,
    raised_at   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (integration, kind, subject, expires_at)
);
CREATE INDEX expiry_open ON expiry (expires_at) WHERE raised_at = 0;

CREATE TABLE event (
    id          {id},
    integration TEXT NOT NULL,
    team        TEXT NOT NULL,
    run         TEXT NOT NULL DEFAULT '',
    finding     TEXT NOT NULL DEFAULT '',
    kind        TEXT NOT NULL,
    at          BIGINT NOT NULL,
    message     TEXT NOT NULL,
    data        TEXT NOT NULL
);
CREATE INDEX event_integration ON event (integration, id);

CREATE TABLE outbox (
    id       {id},
    event    BIGINT NOT NULL,
    channel  TEXT NOT NULL,
    due_at   BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    sent_at  BIGINT NOT NULL DEFAULT 0,
    gave_up  BOOLEAN NOT NULL DEFAULT FALSE,
    problem  TEXT NOT NULL DEFAULT '',
    UNIQUE (event, channel)
);
CREATE INDEX outbox_due ON outbox (due_at) WHERE sent_at = 0 AND NOT gave_up;

CREATE TABLE sent (
    run         TEXT NOT NULL,
    integration TEXT NOT NULL,
    environment TEXT NOT NULL,
    uid         TEXT NOT NULL,
    event_type  TEXT NOT NULL,
    at          BIGINT NOT NULL,
    accepted    BOOLEAN,
    purged_at   BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (run, environment, uid)
);
CREATE INDEX sent_integration ON sent (integration, at);

CREATE TABLE worker (
    id         TEXT PRIMARY KEY,
    version    TEXT NOT NULL,
    role       TEXT NOT NULL,
    host       TEXT NOT NULL,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL,
    beat       BIGINT NOT NULL
);

CREATE TABLE lease (
    target TEXT NOT NULL,
    slot   BIGINT NOT NULL,
    run    TEXT NOT NULL,
    worker TEXT NOT NULL,
    since  BIGINT NOT NULL,
    PRIMARY KEY (target, slot)
);
CREATE INDEX lease_run ON lease (run);
CREATE INDEX lease_worker ON lease (worker);

CREATE TABLE receiver (
    target   TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    until_at BIGINT NOT NULL
);

CREATE TABLE decision (
    id            {id},
    integration   TEXT NOT NULL,
    run           TEXT NOT NULL,
    report        TEXT NOT NULL,
    kind          TEXT NOT NULL,
    verdict       TEXT NOT NULL,
    signer        TEXT NOT NULL,
    login         TEXT NOT NULL,
    at            BIGINT NOT NULL,
    expires_at    BIGINT NOT NULL DEFAULT 0,
    statement     {blob} NOT NULL
);
CREATE INDEX decision_integration ON decision (integration, id);

CREATE TABLE audit_log (
    id     {id},
    at     BIGINT NOT NULL,
    actor  TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);
CREATE INDEX audit_log_at ON audit_log (at);

CREATE TABLE setting (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
);
