-- The ledger that outsiders can check: sealed content, the tree and its checkpoints, erasure, oversight, exports, replicas.

SET ROLE compliance_owner;

-- ── whose a document is ──────────────────────────────────────────────────────────────────────────────────────────

ALTER TABLE compliance.documents
    ADD COLUMN text_sha256 text NOT NULL DEFAULT '',
    ADD COLUMN data_subjects text[] NOT NULL DEFAULT '{}';
CREATE INDEX documents_by_data_subject ON compliance.documents USING gin (data_subjects);

-- A version of a file whose content was erased: the path stays, so that the source's file is not taken in again.
ALTER TABLE compliance.raw_pulls DROP CONSTRAINT raw_pulls_state_check,
    ADD CONSTRAINT raw_pulls_state_check CHECK (state IN ('pulled', 'removed', 'unreadable', 'erased'));

-- ── audit_ledger ─────────────────────────────────────────────────────────────────────────────────────────────────

ALTER TABLE compliance.ledger_entries
    ADD COLUMN schema_version text NOT NULL DEFAULT '1',
    ADD COLUMN key_id text NOT NULL DEFAULT 'k1',
    ADD COLUMN sealed bytea,
    ADD COLUMN content_sha256 text,
    ADD COLUMN content_commitment text,
    DROP CONSTRAINT ledger_entries_pkey,
    ADD PRIMARY KEY (organization_id, seq, year);
ALTER TABLE compliance.ledger_entries
    ALTER COLUMN schema_version DROP DEFAULT,
    ALTER COLUMN key_id DROP DEFAULT,
    ALTER COLUMN sealed SET STORAGE EXTERNAL; -- ciphertext does not compress
CREATE INDEX ledger_entries_by_kind ON compliance.ledger_entries (organization_id, kind, seq) WHERE kind <> 'decision';

-- Entries of no tax year: erasures, holds, incidents, keys.
CREATE TABLE compliance.ledger_entries_0 PARTITION OF compliance.ledger_entries FOR VALUES IN (0);
ALTER TABLE compliance.ledger_entries_0 SET (toast_tuple_target = 8160);
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON compliance.ledger_entries_0
    FOR EACH STATEMENT EXECUTE FUNCTION compliance.refuse_ledger_change();

-- Roots of complete subtrees of 256^(level+1) leaves; of the lowest level the 256 leaf hashes too.
CREATE TABLE compliance.ledger_subtrees (
    organization_id uuid NOT NULL,
    level           integer NOT NULL,
    position        bigint NOT NULL,
    root            bytea NOT NULL,
    leaf_hashes     bytea,
    PRIMARY KEY (organization_id, level, position)
);

-- Signed tree heads, as published (C2SP checkpoint).
CREATE TABLE compliance.ledger_checkpoints (
    organization_id uuid NOT NULL,
    tree_size       bigint NOT NULL,
    root_hash       text NOT NULL,
    note            text NOT NULL,
    signed_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, tree_size)
);

CREATE TABLE compliance.ledger_verifications (
    organization_id uuid NOT NULL,
    verified_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    since_size      bigint NOT NULL,
    tree_size       bigint NOT NULL,
    verified        boolean NOT NULL,
    findings        integer NOT NULL,
    seconds         double precision NOT NULL,
    PRIMARY KEY (organization_id, verified_at)
);

DO $$
DECLARE relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['ledger_subtrees', 'ledger_checkpoints', 'ledger_verifications'] LOOP
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance.%I '
                       'FOR EACH ROW EXECUTE FUNCTION compliance.refuse_ledger_change()', relation);
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON compliance.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION compliance.refuse_ledger_change()', relation);
    END LOOP;
END $$;

-- One key a data subject. A key is HMAC(content key outside Postgres, secret): neither alone opens anything. Deleting the
-- row is the erasure. subject_ref is a keyed digest of the person's number, the only way from a person to a key.
CREATE TABLE compliance.subject_keys (
    organization_id uuid NOT NULL,
    key_id          uuid NOT NULL,
    subject_ref     bytea NOT NULL,
    master_key_id   text NOT NULL,
    secret          bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, key_id),
    UNIQUE (organization_id, subject_ref)
);

-- Which entries lie under which persons' keys. An entry in which no person was found is found by its own id.
CREATE TABLE compliance.sealed_entries (
    organization_id uuid NOT NULL,
    key_id          uuid NOT NULL,
    seq             bigint NOT NULL,
    PRIMARY KEY (organization_id, key_id, seq)
);

CREATE TABLE compliance.legal_holds (
    organization_id uuid NOT NULL,
    hold_id         text NOT NULL,
    key_id          uuid NOT NULL,
    order_ref       text NOT NULL,
    placed_by       text NOT NULL,
    placed_at       timestamptz NOT NULL DEFAULT now(),
    released_at     timestamptz,
    PRIMARY KEY (organization_id, hold_id)
);
CREATE INDEX legal_holds_in_force ON compliance.legal_holds (organization_id, key_id) WHERE released_at IS NULL;

-- ── year_index ───────────────────────────────────────────────────────────────────────────────────────────────────

-- Goes into the digest of a year's documents, which the ledger keeps for ever: a new one with each erasure in the year, so
-- that nobody can try out which document had been in it.
CREATE TABLE compliance.corpus_salts (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    salt            bytea NOT NULL,
    PRIMARY KEY (organization_id, year)
);

-- ── model_decisions ──────────────────────────────────────────────────────────────────────────────────────────────

-- Which documents a decision touched: the way back from a document. The way forth is sealed with the decision.
CREATE TABLE compliance.decision_documents (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    doc_id          text NOT NULL,
    response_id     text NOT NULL,
    object_sha256   text NOT NULL,
    retrieved       smallint NOT NULL,
    cited           smallint NOT NULL,
    PRIMARY KEY (organization_id, doc_id, response_id, year)
) PARTITION BY LIST (year);

-- ── review ───────────────────────────────────────────────────────────────────────────────────────────────────────

-- What a person makes of an entry: one row an entry, and each change of it an entry itself.
CREATE TABLE compliance.ledger_oversight (
    organization_id uuid NOT NULL,
    seq             bigint NOT NULL,
    year            integer NOT NULL,
    state           text NOT NULL CHECK (state IN ('flagged', 'under_review', 'accepted', 'contested')),
    reviewer        text NOT NULL,
    note            text NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (organization_id, seq, year),
    FOREIGN KEY (organization_id, seq, year) REFERENCES compliance.ledger_entries (organization_id, seq, year)
);

CREATE TABLE compliance.incidents (
    organization_id uuid NOT NULL,
    incident_id     text NOT NULL,
    kind            text NOT NULL,
    severity        text NOT NULL CHECK (severity IN ('low', 'medium', 'high', 'critical')),
    state           text NOT NULL CHECK (state IN ('open', 'acknowledged', 'resolved')),
    summary         text NOT NULL,
    detail          jsonb NOT NULL,
    opened_at       timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    updated_by      text NOT NULL,
    PRIMARY KEY (organization_id, incident_id)
);

-- ── evidence ─────────────────────────────────────────────────────────────────────────────────────────────────────

-- How far each sink has been served.
CREATE TABLE compliance.export_cursors (
    organization_id uuid NOT NULL,
    sink            text NOT NULL,
    seq             bigint NOT NULL,
    delivered_at    timestamptz NOT NULL,
    PRIMARY KEY (organization_id, sink)
);

-- What was written to the store that nobody can change.
CREATE TABLE compliance.replica_objects (
    organization_id uuid NOT NULL,
    name            text NOT NULL,
    sha256          text NOT NULL,
    size_bytes      bigint NOT NULL,
    retain_until    timestamptz NOT NULL,
    written_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, name)
);

-- ── years ────────────────────────────────────────────────────────────────────────────────────────────────────────

RESET ROLE;
CREATE OR REPLACE PROCEDURE compliance.ensure_year(y integer) LANGUAGE plpgsql AS $$
DECLARE parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['chunks', 'decisions', 'decision_documents', 'ledger_entries'] LOOP
        CONTINUE WHEN to_regclass(format('compliance.%I', parent || '_' || y)) IS NOT NULL;
        EXECUTE format('CREATE TABLE compliance.%I PARTITION OF compliance.%I FOR VALUES IN (%s)',
                       parent || '_' || y, parent, y);
        EXECUTE format('ALTER TABLE compliance.%I OWNER TO compliance_owner', parent || '_' || y);
        IF parent = 'ledger_entries' THEN
            -- An entry is read whole: up to a page it stays together instead of moving its content to a second table.
            EXECUTE format('ALTER TABLE compliance.%I SET (toast_tuple_target = 8160)', parent || '_' || y);
            EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON compliance.%I '
                           'FOR EACH STATEMENT EXECUTE FUNCTION compliance.refuse_ledger_change()', parent || '_' || y);
        END IF;
    END LOOP;
    IF to_regclass(format('year_index.%I', 'entries_' || y)) IS NULL THEN
        EXECUTE format('CREATE TABLE year_index.%I PARTITION OF year_index.entries FOR VALUES IN (%s) '
                       'PARTITION BY LIST (organization_id)', 'entries_' || y, y);
        EXECUTE format('ALTER TABLE year_index.%I OWNER TO compliance_app', 'entries_' || y);
        -- Row security of a parent does not cover its partitions when they are read by their own names.
        EXECUTE format('ALTER TABLE year_index.%I ENABLE ROW LEVEL SECURITY', 'entries_' || y);
        EXECUTE format('ALTER TABLE year_index.%I FORCE ROW LEVEL SECURITY', 'entries_' || y);
        EXECUTE format('CREATE POLICY organization ON year_index.%I '
                       'USING (organization_id = compliance.current_organization())', 'entries_' || y);
    END IF;
END $$;

-- Carry over what the first schema held: a partition for each of its years, and a row a decision and document.
DO $$
DECLARE name text;
BEGIN
    FOR name IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
                WHERE i.inhparent = 'compliance.decisions'::regclass LOOP
        CALL compliance.ensure_year(replace(name, 'decisions_', '')::integer);
    END LOOP;
END $$;
SET ROLE compliance_owner;
ALTER TABLE compliance.decision_edges NO FORCE ROW LEVEL SECURITY; -- the rows of every organisation, whoever migrates
INSERT INTO compliance.decision_documents
    SELECT organization_id, year, doc_id, response_id, min(object_sha256),
           count(*) FILTER (WHERE role = 'retrieved'), count(*) FILTER (WHERE role = 'cited')
    FROM compliance.decision_edges GROUP BY organization_id, year, doc_id, response_id;
DROP TABLE compliance.decision_edges;
ALTER TABLE compliance.decisions DROP COLUMN envelope; -- it stands in the ledger
RESET ROLE;

-- ── tenancy and rights ───────────────────────────────────────────────────────────────────────────────────────────

DO $$
DECLARE relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'ledger_subtrees', 'ledger_checkpoints', 'ledger_verifications', 'subject_keys', 'sealed_entries', 'legal_holds',
        'corpus_salts', 'decision_documents', 'ledger_oversight', 'incidents', 'export_cursors', 'replica_objects'
    ] LOOP
        EXECUTE format('ALTER TABLE compliance.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE compliance.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON compliance.%I '
                       'USING (organization_id = compliance.current_organization()) '
                       'WITH CHECK (organization_id = compliance.current_organization())', relation);
        EXECUTE format('GRANT SELECT, INSERT ON compliance.%I TO compliance_app', relation);
        IF relation NOT IN ('subject_keys', 'corpus_salts') THEN -- an auditor reads no key
            EXECUTE format('GRANT SELECT ON compliance.%I TO compliance_auditor', relation);
        END IF;
    END LOOP;
END $$;

GRANT UPDATE ON compliance.legal_holds, compliance.corpus_salts, compliance.ledger_oversight, compliance.incidents, compliance.export_cursors
    TO compliance_app;
-- Whoever seals under a key holds its row against erasure, and that takes the right to update something of it.
GRANT UPDATE (created_at) ON compliance.subject_keys TO compliance_app;
-- Erasure.
GRANT UPDATE (work_id, idempotency_key, reason) ON compliance.decisions TO compliance_app;
GRANT DELETE ON compliance.subject_keys, compliance.corpus_salts, compliance.decision_documents, compliance.work_items, compliance.documents,
    compliance.chunked_documents, compliance.chunks, compliance.embeddings TO compliance_app;
GRANT MAINTAIN ON compliance.subject_keys TO compliance_app;
