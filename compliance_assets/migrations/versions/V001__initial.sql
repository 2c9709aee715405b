-- The first schema. Runs as a login that may create roles, schemas and extensions.
-- compliance_owner owns and migrates, compliance_app works, compliance_auditor reads.

CREATE EXTENSION IF NOT EXISTS vector;

DO $$
DECLARE name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['compliance_owner', 'compliance_app', 'compliance_auditor'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOBYPASSRLS', name);
        END IF;
        EXECUTE format('GRANT %I TO %I', name, current_user);
    END LOOP;
END $$;

CREATE SCHEMA compliance AUTHORIZATION compliance_owner;
-- Indexes are derived data: the application builds them beside the live ones and swaps them in.
CREATE SCHEMA year_index AUTHORIZATION compliance_app;
GRANT USAGE ON SCHEMA compliance TO compliance_app, compliance_auditor;
GRANT USAGE ON SCHEMA year_index TO compliance_auditor, compliance_owner;

SET ROLE compliance_owner;

-- The organisation of the session. No organisation set: no row is visible.
CREATE FUNCTION compliance.current_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.organization_id', true), '')::uuid;

-- ── raw_pulls ────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE compliance.sources (
    organization_id uuid NOT NULL,
    source_id       text NOT NULL,
    uri             text NOT NULL,
    registered_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, source_id)
);

-- One row for each version of each file that a source ever had. The newest version of a path has superseded_at null.
CREATE TABLE compliance.raw_pulls (
    organization_id uuid NOT NULL,
    pull_id         text NOT NULL,
    source_id       text NOT NULL,
    path            text NOT NULL,
    state           text NOT NULL CHECK (state IN ('pulled', 'removed', 'unreadable')),
    reason          text,
    object_sha256   text,
    size_bytes      bigint,
    source_version  text NOT NULL,
    label           jsonb NOT NULL,
    pulled_at       timestamptz NOT NULL DEFAULT now(),
    superseded_at   timestamptz,
    PRIMARY KEY (organization_id, pull_id),
    FOREIGN KEY (organization_id, source_id) REFERENCES compliance.sources,
    CHECK ((state = 'pulled') = (object_sha256 IS NOT NULL))
);
CREATE UNIQUE INDEX raw_pulls_one_live_version ON compliance.raw_pulls (organization_id, source_id, path)
    WHERE superseded_at IS NULL;

-- ── normalised_documents ─────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE compliance.documents (
    organization_id    uuid NOT NULL,
    filing_id          text NOT NULL,
    pull_id            text NOT NULL,
    object_sha256      text NOT NULL,
    year               integer,
    filer_category     text,
    title              text NOT NULL,
    state              text NOT NULL CHECK (state IN ('ok', 'needs_human', 'rejected')),
    reason             text,
    raw_text           text NOT NULL,
    raw_pages          jsonb NOT NULL,
    metadata           jsonb NOT NULL,
    normaliser_version text NOT NULL,
    live               boolean NOT NULL DEFAULT true,
    normalised_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, filing_id),
    FOREIGN KEY (organization_id, pull_id) REFERENCES compliance.raw_pulls,
    CHECK (state <> 'ok' OR year IS NOT NULL),
    CHECK ((state = 'ok') = (reason IS NULL))
);
CREATE INDEX documents_by_year ON compliance.documents (organization_id, year) WHERE live AND state = 'ok';
CREATE INDEX documents_by_pull ON compliance.documents (organization_id, pull_id);

-- ── chunks ───────────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE compliance.chunks (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    chunk_id        text NOT NULL,
    doc_id          text NOT NULL,
    filer_category  text,
    ordinal         integer NOT NULL,
    page            integer NOT NULL,
    char_start      integer NOT NULL,
    char_end        integer NOT NULL,
    section         text NOT NULL,
    text            text NOT NULL,
    token_count     integer NOT NULL,
    text_sha256     text NOT NULL,
    chunker_version text NOT NULL,
    PRIMARY KEY (organization_id, year, chunk_id)
) PARTITION BY LIST (year);
CREATE INDEX chunks_by_document ON compliance.chunks (organization_id, year, chunker_version, doc_id);

-- A document that has been chunked, even into nothing.
CREATE TABLE compliance.chunked_documents (
    organization_id uuid NOT NULL,
    doc_id          text NOT NULL,
    chunker_version text NOT NULL,
    year            integer NOT NULL,
    chunk_count     integer NOT NULL,
    chunked_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, doc_id, chunker_version),
    FOREIGN KEY (organization_id, doc_id) REFERENCES compliance.documents
);

-- ── embeddings ───────────────────────────────────────────────────────────────────────────────────────────────────

-- The cache: one vector for each text and model, whatever the year. halfvec without a dimension holds any model's.
CREATE TABLE compliance.embeddings (
    organization_id uuid NOT NULL,
    model_digest    text NOT NULL,
    text_sha256     text NOT NULL,
    embedding       halfvec NOT NULL,
    precision_used  text NOT NULL,
    embedded_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, model_digest, text_sha256)
);

-- ── year_index ───────────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE compliance.index_versions (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    index_version   text NOT NULL,
    state           text NOT NULL CHECK (state IN ('live', 'superseded', 'refused')),
    embedder        text NOT NULL,
    embedder_digest text NOT NULL,
    precision_used  text NOT NULL,
    dimension       integer NOT NULL,
    chunker_version text NOT NULL,
    corpus_digest   text NOT NULL,
    document_count  integer NOT NULL,
    chunk_count     integer NOT NULL,
    parameters      jsonb NOT NULL,
    findings        jsonb NOT NULL DEFAULT '[]',
    built_at        timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, year, index_version)
);
CREATE UNIQUE INDEX index_versions_one_live ON compliance.index_versions (organization_id, year) WHERE state = 'live';

RESET ROLE;
SET ROLE compliance_app;
-- year -> organisation -> one leaf with its own HNSW. No neighbour of one year or organisation is ever another's.
CREATE TABLE year_index.entries (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    index_version   text NOT NULL,
    chunk_id        text NOT NULL,
    doc_id          text NOT NULL,
    filer_category  text,
    embedding       halfvec NOT NULL
) PARTITION BY LIST (year);
RESET ROLE;
SET ROLE compliance_owner;

-- ── model_decisions ──────────────────────────────────────────────────────────────────────────────────────────────

CREATE TABLE compliance.releases (
    organization_id uuid NOT NULL,
    release_id      text NOT NULL,
    manifest        text NOT NULL,
    first_used_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, release_id)
);

CREATE TABLE compliance.work_items (
    organization_id uuid NOT NULL,
    work_id         text NOT NULL,
    workload        text NOT NULL,
    year            integer NOT NULL,
    input           text NOT NULL,
    input_sha256    text NOT NULL,
    state           text NOT NULL CHECK (state IN ('queued', 'done', 'review')),
    reason          text,
    response_id     text,
    requested_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, work_id)
);
CREATE INDEX work_items_queued ON compliance.work_items (organization_id, year, requested_at, work_id)
    WHERE state = 'queued';

CREATE TABLE compliance.decisions (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    response_id     text NOT NULL,
    idempotency_key text NOT NULL,
    work_id         text NOT NULL,
    workload        text NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('decided', 'review')),
    reason          text,
    confidence      double precision NOT NULL,
    envelope        text NOT NULL,
    release_id      text NOT NULL,
    index_version   text NOT NULL,
    decided_at      timestamptz NOT NULL,
    latency_seconds double precision NOT NULL,
    PRIMARY KEY (organization_id, year, response_id),
    UNIQUE (organization_id, year, idempotency_key)
) PARTITION BY LIST (year);

-- The lineage of a decision, kept here because Dagster's event log may be wiped.
CREATE TABLE compliance.decision_edges (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    response_id     text NOT NULL,
    role            text NOT NULL CHECK (role IN ('retrieved', 'cited')),
    position        integer NOT NULL,
    chunk_id        text NOT NULL,
    doc_id          text NOT NULL,
    page            integer NOT NULL,
    char_start      integer NOT NULL,
    char_end        integer NOT NULL,
    object_sha256   text NOT NULL,
    PRIMARY KEY (organization_id, year, response_id, role, position)
) PARTITION BY LIST (year);
CREATE INDEX decision_edges_by_document ON compliance.decision_edges (organization_id, doc_id);

-- ── audit_ledger ─────────────────────────────────────────────────────────────────────────────────────────────────

-- body is canonical JSON, kept as text so that its bytes are the ones that were hashed; cast it to jsonb to query it.
CREATE TABLE compliance.ledger_entries (
    organization_id uuid NOT NULL,
    seq             bigint NOT NULL CHECK (seq > 0),
    year            integer NOT NULL,
    kind            text NOT NULL,
    occurred_at     text NOT NULL,
    actor           text NOT NULL,
    subject_id      text NOT NULL,
    body            text NOT NULL CHECK (body IS JSON OBJECT),
    body_sha256     text NOT NULL,
    prev_hash       text NOT NULL,
    entry_hash      text NOT NULL,
    PRIMARY KEY (organization_id, year, seq)
) PARTITION BY LIST (year);
CREATE INDEX ledger_entries_by_subject ON compliance.ledger_entries (organization_id, subject_id);

-- The end of each organisation's chain. Its row lock gives all writers one order; a cut tail no longer matches it.
CREATE TABLE compliance.ledger_heads (
    organization_id uuid PRIMARY KEY,
    seq             bigint NOT NULL,
    entry_hash      text NOT NULL
);

CREATE FUNCTION compliance.refuse_ledger_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % on % is refused', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege', HINT = 'Append an amendment entry instead.';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance.ledger_entries
    FOR EACH ROW EXECUTE FUNCTION compliance.refuse_ledger_change();
CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON compliance.ledger_entries
    FOR EACH STATEMENT EXECUTE FUNCTION compliance.refuse_ledger_change();

-- ── years ────────────────────────────────────────────────────────────────────────────────────────────────────────

RESET ROLE;
-- Creates the partitions of a year where they do not stand yet. Called for every configured year.
CREATE PROCEDURE compliance.ensure_year(y integer) LANGUAGE plpgsql AS $$
DECLARE parent text;
BEGIN
    FOREACH parent IN ARRAY ARRAY['chunks', 'decisions', 'decision_edges', 'ledger_entries'] LOOP
        CONTINUE WHEN to_regclass(format('compliance.%I', parent || '_' || y)) IS NOT NULL;
        EXECUTE format('CREATE TABLE compliance.%I PARTITION OF compliance.%I FOR VALUES IN (%s)',
                       parent || '_' || y, parent, y);
        EXECUTE format('ALTER TABLE compliance.%I OWNER TO compliance_owner', parent || '_' || y);
        IF parent = 'ledger_entries' THEN
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

-- ── tenancy and rights ───────────────────────────────────────────────────────────────────────────────────────────

DO $$
DECLARE relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY[
        'compliance.sources', 'compliance.raw_pulls', 'compliance.documents', 'compliance.chunks',
        'compliance.chunked_documents', 'compliance.embeddings', 'compliance.index_versions', 'year_index.entries',
        'compliance.releases', 'compliance.work_items', 'compliance.decisions', 'compliance.decision_edges',
        'compliance.ledger_entries', 'compliance.ledger_heads'
    ] LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON %s USING (organization_id = compliance.current_organization()) '
                       'WITH CHECK (organization_id = compliance.current_organization())', relation);
        EXECUTE format('GRANT SELECT ON %s TO compliance_auditor', relation);
    END LOOP;
END $$;

GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA compliance TO compliance_app;
GRANT UPDATE ON compliance.sources, compliance.raw_pulls, compliance.documents, compliance.chunks,
    compliance.index_versions, compliance.work_items, compliance.ledger_heads TO compliance_app;
GRANT EXECUTE ON FUNCTION compliance.current_organization() TO compliance_app, compliance_auditor;
REVOKE ALL ON PROCEDURE compliance.ensure_year(integer) FROM PUBLIC;
REVOKE UPDATE, DELETE, TRUNCATE ON compliance.ledger_entries FROM compliance_app;
