-- The database of version 1. Instants are Unix seconds, names that end in _ms are Unix milliseconds, flags are 0 or 1.

CREATE TABLE meta (
    key TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each stream of the log: its last row's number and hash. Compared and set by every append.
CREATE TABLE streams (
    stream TEXT NOT NULL PRIMARY KEY,
    head INTEGER NOT NULL,
    hash BLOB NOT NULL,
    at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Append-only, one hash chain for each stream; `payload` is never rewritten and holds no personal data.
CREATE TABLE log (
    row INTEGER PRIMARY KEY,
    stream TEXT NOT NULL,
    seq INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    subject TEXT,
    payload BLOB NOT NULL,
    previous_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    UNIQUE (stream, seq)
) STRICT;
CREATE INDEX log_of_subject ON log (subject) WHERE subject IS NOT NULL;

CREATE TABLE clinic (
    id TEXT NOT NULL PRIMARY KEY CHECK (id = 'clinic'),
    name TEXT NOT NULL,
    timezone TEXT NOT NULL,
    phone TEXT,
    help_hours TEXT,
    emergency_number TEXT,
    urgent_notice TEXT,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE visit_types (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    minutes INTEGER NOT NULL CHECK (minutes BETWEEN 1 AND 480),
    way TEXT NOT NULL CHECK (way IN ('video', 'clinic', 'phone')),
    address TEXT,
    position INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL
) STRICT;

-- `visit_types` and `adopted` are JSON; visit_types NULL means all of them.
CREATE TABLE clinicians (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    title TEXT,
    email TEXT,
    about TEXT,
    timezone TEXT NOT NULL,
    slot_minutes INTEGER NOT NULL CHECK (slot_minutes BETWEEN 1 AND 480),
    visit_types TEXT,
    adopted TEXT,
    salt BLOB,
    position INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE windows (
    id TEXT NOT NULL PRIMARY KEY,
    clinician TEXT NOT NULL,
    weekday INTEGER NOT NULL CHECK (weekday BETWEEN 0 AND 6),
    start_minute INTEGER NOT NULL CHECK (start_minute >= 0),
    end_minute INTEGER NOT NULL CHECK (end_minute > start_minute AND end_minute <= 1440),
    slot_minutes INTEGER,
    buffer_minutes INTEGER NOT NULL CHECK (buffer_minutes >= 0),
    active INTEGER NOT NULL CHECK (active IN (0, 1)),
    valid_from TEXT,
    valid_until TEXT,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL,
    removed_at_ms INTEGER,
    removed_by TEXT
) STRICT;
CREATE INDEX windows_of_clinician ON windows (clinician);

-- `reason`, `note`, `access_needs` and `staff_note` are ids into texts; `session` and `address` are keyed hashes.
CREATE TABLE appointments (
    id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    reference TEXT NOT NULL UNIQUE,
    clinician TEXT NOT NULL,
    status TEXT NOT NULL
        CHECK (status IN ('held', 'confirmed', 'cancelled', 'expired', 'completed', 'no_show')),
    version INTEGER NOT NULL,
    visit_type TEXT,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL CHECK ("end" > start AND "end" <= start + 86400),
    timezone TEXT NOT NULL,
    wall_start TEXT NOT NULL,
    buffer_seconds INTEGER NOT NULL,
    expires_at INTEGER CHECK (expires_at IS NOT NULL OR status <> 'held'),
    extensions INTEGER NOT NULL,
    cause TEXT,
    patient TEXT,
    partner TEXT,
    anonymous INTEGER NOT NULL CHECK (anonymous IN (0, 1)),
    session TEXT,
    address TEXT,
    reason TEXT,
    note TEXT,
    access_needs TEXT,
    staff_note TEXT,
    cancelled_by TEXT,
    for_other INTEGER NOT NULL CHECK (for_other IN (0, 1)),
    overlap INTEGER NOT NULL CHECK (overlap IN (0, 1)),
    links INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    updated_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX appointments_held ON appointments (expires_at) WHERE status = 'held';
CREATE INDEX appointments_live ON appointments (clinician, start) WHERE status IN ('held', 'confirmed');
CREATE INDEX appointments_by_start ON appointments (start, id);
CREATE INDEX appointments_of_clinician ON appointments (clinician, start);

-- The second guard against double booking: the time that an appointment occupies while it is held or confirmed.
-- `overlap` marks a deliberate one; it is let in unchecked, but keeps later ordinary claims out all the same.
CREATE TABLE claims (
    appointment TEXT NOT NULL PRIMARY KEY,
    clinician TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL CHECK ("end" > start AND "end" <= start + 86400),
    live INTEGER NOT NULL CHECK (live IN (0, 1)),
    overlap INTEGER NOT NULL CHECK (overlap IN (0, 1)),
    patient TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX claims_live ON claims (clinician, start, "end") WHERE live;
CREATE UNIQUE INDEX claims_start ON claims (clinician, start) WHERE live AND NOT overlap;
CREATE INDEX claims_of_patient ON claims (patient, start, "end") WHERE live AND patient IS NOT NULL;

-- AFTER, because an upsert fires BEFORE INSERT even when it ends as an update. Only a claim that enters live or changes
-- what is compared is looked at. No claim is longer than a day, so nothing that began a day before the new start can
-- still reach it: that bounds the search. `patient` stands on a claim only when the patient is known for certain.
CREATE TRIGGER claims_inserted AFTER INSERT ON claims WHEN NEW.live
BEGIN
    SELECT RAISE(ABORT, 'claim-overlap') FROM claims
    WHERE NOT NEW.overlap
        AND live AND clinician = NEW.clinician AND start > NEW.start - 86400 AND start < NEW."end"
        AND "end" > NEW.start AND appointment <> NEW.appointment;
    SELECT RAISE(ABORT, 'patient-overlap') FROM claims
    WHERE live AND patient IS NOT NULL AND patient = NEW.patient AND start > NEW.start - 86400 AND start < NEW."end"
        AND "end" > NEW.start AND appointment <> NEW.appointment;
END;
CREATE TRIGGER claims_changed AFTER UPDATE ON claims
WHEN NEW.live AND (
    NOT OLD.live OR OLD.overlap > NEW.overlap OR OLD.start <> NEW.start OR OLD."end" <> NEW."end"
    OR OLD.clinician <> NEW.clinician OR OLD.patient IS NOT NEW.patient)
BEGIN
    SELECT RAISE(ABORT, 'claim-overlap') FROM claims
    WHERE NOT NEW.overlap AND (
            NOT OLD.live OR OLD.overlap OR OLD.start <> NEW.start OR OLD."end" <> NEW."end"
            OR OLD.clinician <> NEW.clinician)
        AND live AND clinician = NEW.clinician AND start > NEW.start - 86400 AND start < NEW."end"
        AND "end" > NEW.start AND appointment <> NEW.appointment;
    SELECT RAISE(ABORT, 'patient-overlap') FROM claims
    WHERE (NOT OLD.live OR OLD.start <> NEW.start OR OLD."end" <> NEW."end" OR OLD.patient IS NOT NEW.patient)
        AND live AND patient IS NOT NULL AND patient = NEW.patient AND start > NEW.start - 86400 AND start < NEW."end"
        AND "end" > NEW.start AND appointment <> NEW.appointment;
END;

-- Free text stands here alone, so that erasing it leaves every hash of the log true.
CREATE TABLE texts (
    id TEXT NOT NULL PRIMARY KEY,
    appointment TEXT NOT NULL,
    kind TEXT NOT NULL,
    salt BLOB,
    text TEXT
) STRICT;
CREATE INDEX texts_of_appointment ON texts (appointment);

CREATE TABLE patients (
    id TEXT NOT NULL PRIMARY KEY,
    salt BLOB,
    name TEXT,
    email TEXT,
    phone TEXT,
    partner TEXT,
    customer_id TEXT,
    certain INTEGER NOT NULL CHECK (certain IN (0, 1)),
    created_at_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX patients_of_partner ON patients (partner, customer_id) WHERE customer_id IS NOT NULL;

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    role TEXT NOT NULL,
    clinician TEXT,
    state TEXT NOT NULL,
    invite BLOB,
    invite_until_ms INTEGER,
    created_at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE keys (
    id TEXT NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL,
    scope TEXT NOT NULL,
    partner TEXT,
    created_at_ms INTEGER NOT NULL,
    revoked_at_ms INTEGER
) STRICT;

CREATE TABLE idempotency (
    scope TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    answer BLOB NOT NULL,
    PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (at_ms);
