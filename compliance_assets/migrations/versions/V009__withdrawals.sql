-- Deletion with a deadline: what a source no longer has leaves every search with its tombstone, and when it did is recorded.

SET ROLE compliance_owner;

-- ── raw_pulls ────────────────────────────────────────────────────────────────────────────────────────────────────

-- When the last listing began that every tombstone due by it was recorded for.
ALTER TABLE compliance.sources ADD COLUMN last_listed_at timestamptz;

-- The version under whose path the source had the same bytes before. An erasure gives that version another id.
ALTER TABLE compliance.raw_pulls
    ADD COLUMN moved_from text,
    ADD FOREIGN KEY (organization_id, moved_from) REFERENCES compliance.raw_pulls ON UPDATE CASCADE;
CREATE UNIQUE INDEX raw_pulls_moved_once ON compliance.raw_pulls (organization_id, moved_from) WHERE moved_from IS NOT NULL;
CREATE INDEX raw_pulls_by_object ON compliance.raw_pulls (organization_id, object_sha256) WHERE object_sha256 IS NOT NULL;

-- ── normalised_documents ─────────────────────────────────────────────────────────────────────────────────────────

-- Who may see a document, as the label of its file says; empty where nobody restricted it.
ALTER TABLE compliance.documents ADD COLUMN access text[] NOT NULL DEFAULT '{}';

-- A readable document that stopped being live. `last_listed_at`: when the last listing began that still had its file, so
-- that from then to `unretrievable_at` is the longest that a removed file can have been found.
CREATE TABLE compliance.withdrawals (
    organization_id  uuid NOT NULL,
    doc_id           text NOT NULL,
    year             integer NOT NULL,
    cause            text NOT NULL CHECK (cause IN ('removed', 'replaced', 'read_anew')),
    last_listed_at   timestamptz,
    noticed_at       timestamptz NOT NULL,
    unretrievable_at timestamptz NOT NULL,
    index_left_at    timestamptz,
    returned_at      timestamptz,
    PRIMARY KEY (organization_id, doc_id, unretrievable_at),
    FOREIGN KEY (organization_id, doc_id) REFERENCES compliance.documents ON DELETE CASCADE
);
CREATE INDEX withdrawals_in_an_index ON compliance.withdrawals (organization_id, year) WHERE index_left_at IS NULL;
CREATE INDEX withdrawals_by_time ON compliance.withdrawals (organization_id, unretrievable_at);

ALTER TABLE compliance.withdrawals ENABLE ROW LEVEL SECURITY;
ALTER TABLE compliance.withdrawals FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON compliance.withdrawals USING (organization_id = compliance.current_organization())
    WITH CHECK (organization_id = compliance.current_organization());
GRANT SELECT, INSERT, UPDATE ON compliance.withdrawals TO compliance_app;
GRANT SELECT ON compliance.withdrawals TO compliance_auditor;

-- In the transaction of its tombstone, whoever records it: no time at which the one is known and the other still found.
CREATE FUNCTION compliance.withdraw_documents() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE compliance.documents d SET live = false FROM compliance.raw_pulls p
    WHERE p.organization_id = NEW.organization_id AND p.source_id = NEW.source_id AND p.path = NEW.path
      AND d.organization_id = p.organization_id AND d.pull_id = p.pull_id AND d.live;
    RETURN NULL;
END $$;
CREATE TRIGGER tombstone AFTER INSERT ON compliance.raw_pulls
    FOR EACH ROW WHEN (NEW.state = 'removed') EXECUTE FUNCTION compliance.withdraw_documents();

CREATE FUNCTION compliance.record_withdrawal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO compliance.withdrawals
        (organization_id, doc_id, year, cause, last_listed_at, noticed_at, unretrievable_at)
    SELECT NEW.organization_id, NEW.filing_id, NEW.year,
           CASE WHEN p.superseded_at IS NULL THEN 'read_anew' WHEN latest.state = 'removed' THEN 'removed' ELSE 'replaced' END,
           CASE WHEN latest.state = 'removed' THEN s.last_listed_at END,
           coalesce(p.superseded_at, now()), clock_timestamp()
    FROM compliance.raw_pulls p
    JOIN compliance.sources s ON s.organization_id = p.organization_id AND s.source_id = p.source_id
    LEFT JOIN compliance.raw_pulls latest ON latest.organization_id = p.organization_id
        AND latest.source_id = p.source_id AND latest.path = p.path AND latest.superseded_at IS NULL
    WHERE p.organization_id = NEW.organization_id AND p.pull_id = NEW.pull_id;
    RETURN NULL;
END $$;
CREATE TRIGGER withdrawn AFTER UPDATE OF live ON compliance.documents
    FOR EACH ROW WHEN (OLD.live AND NOT NEW.live AND NEW.state = 'ok') EXECUTE FUNCTION compliance.record_withdrawal();

CREATE FUNCTION compliance.record_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE compliance.withdrawals SET returned_at = clock_timestamp()
    WHERE organization_id = NEW.organization_id AND doc_id = NEW.filing_id AND returned_at IS NULL;
    RETURN NULL;
END $$;
CREATE TRIGGER returned AFTER UPDATE OF live ON compliance.documents
    FOR EACH ROW WHEN (NEW.live AND NOT OLD.live) EXECUTE FUNCTION compliance.record_return();

-- A document is seen by whom its file's label names, from its first moment on and with every change of the label.
CREATE FUNCTION compliance.access_of(label jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ARRAY(SELECT jsonb_array_elements_text(coalesce(label -> 'access', '[]')));
CREATE FUNCTION compliance.inherit_access() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.access := coalesce((SELECT compliance.access_of(label) FROM compliance.raw_pulls p
                            WHERE p.organization_id = NEW.organization_id AND p.pull_id = NEW.pull_id), NEW.access);
    RETURN NEW;
END $$;
CREATE TRIGGER inherit_access BEFORE INSERT ON compliance.documents
    FOR EACH ROW EXECUTE FUNCTION compliance.inherit_access();
CREATE FUNCTION compliance.pass_access_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE compliance.documents SET access = compliance.access_of(NEW.label)
    WHERE organization_id = NEW.organization_id AND pull_id = NEW.pull_id;
    RETURN NULL;
END $$;
CREATE TRIGGER pass_access_on AFTER UPDATE OF label ON compliance.raw_pulls
    FOR EACH ROW WHEN (OLD.label -> 'access' IS DISTINCT FROM NEW.label -> 'access')
    EXECUTE FUNCTION compliance.pass_access_on();

-- ── year_index ───────────────────────────────────────────────────────────────────────────────────────────────────

-- Since when another version is live: superseded versions are kept for a time.
ALTER TABLE compliance.index_versions ADD COLUMN superseded_at timestamptz;
CREATE FUNCTION compliance.date_superseded() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.superseded_at := CASE WHEN NEW.state = 'superseded' THEN now() END;
    RETURN NEW;
END $$;
CREATE TRIGGER date_superseded BEFORE UPDATE OF state ON compliance.index_versions
    FOR EACH ROW WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION compliance.date_superseded();

-- What the version that goes live no longer holds. One that was withdrawn while it was being built may still be in it.
CREATE FUNCTION compliance.date_index_left() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE compliance.withdrawals w SET index_left_at = clock_timestamp()
    WHERE w.organization_id = NEW.organization_id AND w.year = NEW.year AND w.index_left_at IS NULL
      AND w.returned_at IS NULL AND NOT EXISTS (SELECT FROM year_index.entries e
        WHERE e.organization_id = w.organization_id AND e.year = w.year AND e.doc_id = w.doc_id);
    RETURN NULL;
END $$;
CREATE TRIGGER index_left AFTER INSERT OR UPDATE OF state ON compliance.index_versions
    FOR EACH ROW WHEN (NEW.state = 'live') EXECUTE FUNCTION compliance.date_index_left();

GRANT EXECUTE ON FUNCTION compliance.access_of(jsonb) TO compliance_app;
GRANT DELETE ON compliance.index_versions TO compliance_app; -- superseded ones that no decision searched
RESET ROLE;
