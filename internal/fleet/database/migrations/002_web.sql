-- Who is logged in, and tokens of programs. A hash is the SHA-256 of 256 random bits, in hex; the value itself is with its holder only.
CREATE TABLE session (
    hash       TEXT PRIMARY KEY,
    login      TEXT NOT NULL,
    via        TEXT NOT NULL,
    groups     TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_expires ON session (expires_at);

CREATE TABLE api_token (
    name       TEXT PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE,
    grants     TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- The fleet's page counts and filters by check without reading the findings themselves.
DROP INDEX finding_check;
CREATE INDEX finding_check ON finding (check_id, state, integration);
