-- Teams that wait for a lease of the same target take turns.
CREATE TABLE waiting (
    target TEXT NOT NULL,
    team   TEXT NOT NULL,
    since  BIGINT NOT NULL,
    seen   BIGINT NOT NULL,
    PRIMARY KEY (target, team)
);
