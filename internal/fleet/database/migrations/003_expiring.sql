-- What is about to expire is announced once.
ALTER TABLE expiry ADD COLUMN announced_at BIGINT NOT NULL DEFAULT 0;
