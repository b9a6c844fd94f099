-- The log. AUTOINCREMENT: a place in it is never given twice, not even that of an erased event.
CREATE TABLE events (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    received INTEGER NOT NULL,
    event_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    event TEXT NOT NULL,
    timestamp INTEGER NOT NULL,
    weight REAL,
    rating REAL,
    session_id TEXT,
    recommendation_id TEXT,
    context TEXT NOT NULL
);
CREATE INDEX events_of_user ON events (user_id, place);

-- People who were merged into others; a target is never a source, so that one look is enough.
CREATE TABLE aliases (
    source TEXT PRIMARY KEY NOT NULL,
    target TEXT NOT NULL
);
CREATE INDEX aliases_of_target ON aliases (target);

-- Rows as JSON. One that was deleted stays as NULL, for those who follow; see records.py for whose name stays with it.
CREATE TABLE items (
    id TEXT PRIMARY KEY NOT NULL,
    revision INTEGER NOT NULL UNIQUE,
    content TEXT
);
CREATE INDEX items_present ON items (id) WHERE content IS NOT NULL;
CREATE TABLE people (
    id TEXT PRIMARY KEY NOT NULL,
    revision INTEGER NOT NULL UNIQUE,
    content TEXT
);
CREATE INDEX people_present ON people (id) WHERE content IS NOT NULL;

CREATE TABLE states (
    user_id TEXT PRIMARY KEY NOT NULL,
    place INTEGER NOT NULL,
    fingerprint TEXT NOT NULL,
    content BLOB NOT NULL
);

CREATE TABLE served (
    place INTEGER PRIMARY KEY AUTOINCREMENT,
    recommendation_id TEXT NOT NULL UNIQUE,
    user_id TEXT,
    scenario TEXT NOT NULL,
    at INTEGER NOT NULL,
    item_ids TEXT NOT NULL,
    propensities TEXT NOT NULL,
    model TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX served_to_user ON served (user_id, place);
CREATE INDEX served_by_time ON served (at);

CREATE TABLE spaces (
    number INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    dim INTEGER NOT NULL
);
CREATE TABLE vectors (
    space INTEGER NOT NULL,
    id TEXT NOT NULL,
    vector BLOB NOT NULL,
    UNIQUE (space, id)
);

CREATE TABLE artefacts (
    number INTEGER PRIMARY KEY,
    artefact_id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    created INTEGER NOT NULL,
    facts TEXT NOT NULL
);
-- What a name came to mean; the newest row of a name holds.
CREATE TABLE pointers (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    at INTEGER NOT NULL,
    artefact_id TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX pointers_by_name ON pointers (name, number);

CREATE TABLE jobs (
    job_id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    run_at INTEGER NOT NULL,
    leased_until INTEGER,
    worker TEXT,
    result TEXT,
    unique_name TEXT
);
CREATE UNIQUE INDEX jobs_unique ON jobs (unique_name) WHERE state IN ('waiting', 'running');
CREATE INDEX jobs_by_state ON jobs (state, run_at);

CREATE TABLE notes (
    name TEXT PRIMARY KEY NOT NULL,
    content TEXT NOT NULL
);
