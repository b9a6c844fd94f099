CREATE TABLE keys (
    key_id TEXT PRIMARY KEY NOT NULL,
    tenant TEXT NOT NULL,
    secret_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    name TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER,
    revoked INTEGER
);
