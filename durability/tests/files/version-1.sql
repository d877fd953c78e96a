-- A store of format 1, as it was written by the first version. Never changed.
PRAGMA application_id = 1398035031;
PRAGMA user_version = 1;
CREATE TABLE standing (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    highest_number INTEGER NOT NULL,
    interactions INTEGER NOT NULL,
    settled INTEGER NOT NULL,
    last_settled INTEGER NOT NULL,
    flushes_proved INTEGER NOT NULL
) STRICT;
INSERT INTO standing VALUES (1, 5, 3, 0, 0, 1);

CREATE TABLE interaction (
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    number INTEGER NOT NULL,
    channel TEXT NOT NULL,
    listed_by TEXT,
    queue TEXT,
    since_ms INTEGER,
    place INTEGER,
    waits INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX interaction_listed ON interaction (listed_by, channel, number) WHERE listed_by IS NOT NULL;
CREATE INDEX interaction_queue ON interaction (queue, since_ms, place) WHERE queue IS NOT NULL;
CREATE INDEX interaction_waiting ON interaction (queue, since_ms, place) WHERE waits = 1;

CREATE TABLE delivery (
    id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    accepted_ms INTEGER NOT NULL,
    settled INTEGER,
    published TEXT,
    checksum INTEGER NOT NULL,
    record TEXT NOT NULL
) STRICT;
CREATE INDEX delivery_unsettled ON delivery (accepted_ms, id) WHERE settled IS NULL;
CREATE UNIQUE INDEX delivery_settled ON delivery (settled) WHERE settled IS NOT NULL;
CREATE INDEX delivery_published ON delivery (channel, account, accepted_ms) WHERE published IS NOT NULL;

CREATE TABLE contact (
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    contact_id TEXT NOT NULL,
    PRIMARY KEY (channel, address)
) STRICT, WITHOUT ROWID;

CREATE TABLE last_agent (
    contact_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    agent TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (contact_id, channel)
) STRICT, WITHOUT ROWID;

CREATE TABLE external (
    channel TEXT NOT NULL,
    external_id TEXT NOT NULL,
    interaction TEXT NOT NULL,
    PRIMARY KEY (channel, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE agent (
    id TEXT NOT NULL PRIMARY KEY,
    reference_id INTEGER NOT NULL,
    focus TEXT
) STRICT, WITHOUT ROWID;
INSERT INTO interaction VALUES ('IN1', 2, 1, 'x', 'a1', NULL, NULL, NULL, 0, 3315761378, '{"format":1,"id":"IN1","version":2,"number":1,"channel":"x","direction":"Inbound","state":"Invited","owner":"a1","from":"c","message":"Grüße","contactId":"K1","userData":{"b":1.50,"a":"x"},"placement":{"queue":"/queues/in","sinceMs":5,"number":2},"createdMs":5}');
INSERT INTO interaction VALUES ('OUT1', 3, 3, 'x', 'a1', NULL, NULL, NULL, 0, 3698127872, '{"format":1,"id":"OUT1","version":3,"number":3,"channel":"x","direction":"Outbound","state":"Sent","owner":"a1","from":"desk1","message":"OUT1#1","contactId":"K2","userData":{"To":"c2"},"queuePath":"/queues/out","delivery":"D1","createdMs":6}');
INSERT INTO interaction VALUES ('IN2', 1, 4, 'x', NULL, '/queues/in', 7, 5, 1, 2114001057, '{"format":1,"id":"IN2","version":1,"number":4,"channel":"x","direction":"Inbound","state":"Queued","from":"c","message":"m","contactId":"K1","userData":{},"placement":{"queue":"/queues/in","sinceMs":7,"number":5},"createdMs":7}');
INSERT INTO delivery VALUES ('D1', 2, 'x', 'desk1', 8, NULL, NULL, 3032520857, '{"format":1,"id":"D1","version":2,"interaction":"OUT1","channel":"x","account":"desk1","agent":"a1","referenceId":9,"queuePath":"/queues/out","acceptedMs":8,"bytes":10,"stage":{"kind":"intended"},"attempts":1,"looks":0,"startedMs":9}');
INSERT INTO contact VALUES ('x', 'c', 'K1');
INSERT INTO contact VALUES ('x', 'c2', 'K2');
INSERT INTO last_agent VALUES ('K1', 'x', 'a1', 4);
INSERT INTO external VALUES ('x', 'e1', 'IN1');
INSERT INTO external VALUES ('x', 'e2', 'IN2');
INSERT INTO agent VALUES ('a1', 9, 'IN1');
