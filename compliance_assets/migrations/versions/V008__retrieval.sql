-- Retrieval: the lexical index of a year beside its vectors.

SET ROLE compliance_owner;

-- ── chunks ───────────────────────────────────────────────────────────────────────────────────────────────────────

-- Where a chunk stands: embedded and searched with its text, by its own digest, so that a text in two filings is encoded once.
ALTER TABLE compliance.chunks ADD COLUMN header text NOT NULL DEFAULT '', ADD COLUMN header_sha256 text;

-- ── year_index ───────────────────────────────────────────────────────────────────────────────────────────────────

-- Digest of the version's lexical index. Null: built before there was one, or no longer kept because another version is live.
ALTER TABLE compliance.index_versions ADD COLUMN lexical_digest text;

-- The lexical index of the live version, in pieces of 8 MiB. Derived like the vectors, and made again from the same chunks.
CREATE TABLE compliance.lexical_indexes (
    organization_id uuid NOT NULL,
    year            integer NOT NULL,
    index_version   text NOT NULL,
    part            integer NOT NULL,
    piece           bytea NOT NULL,
    PRIMARY KEY (organization_id, year, index_version, part),
    FOREIGN KEY (organization_id, year, index_version) REFERENCES compliance.index_versions ON DELETE CASCADE ON UPDATE CASCADE
);
ALTER TABLE compliance.lexical_indexes ALTER COLUMN piece SET STORAGE EXTERNAL; -- packed integers: compressing gains little
ALTER TABLE compliance.lexical_indexes ENABLE ROW LEVEL SECURITY;
ALTER TABLE compliance.lexical_indexes FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON compliance.lexical_indexes USING (organization_id = compliance.current_organization())
    WITH CHECK (organization_id = compliance.current_organization());
-- Not for the auditor: it says nothing that the chunks do not say, and what a search found is recorded with the decision.
GRANT SELECT, INSERT, DELETE ON compliance.lexical_indexes TO compliance_app;

-- The planner's first look at tables that a bulk load has filled since the last one: as empty as it believes them to be, it joins
-- every row with every other. Later looks are autovacuum's.
CREATE PROCEDURE compliance.first_statistics(y integer) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE name regclass;
BEGIN
    FOR name IN SELECT oid::regclass FROM pg_class
                WHERE oid = ANY (ARRAY[to_regclass('compliance.documents'), to_regclass('compliance.embeddings'),
                                       to_regclass('compliance.chunks_' || y)])
                  AND reltuples <= 0 AND pg_relation_size(oid) > 0 LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', name);
    END LOOP;
END $$;
REVOKE ALL ON PROCEDURE compliance.first_statistics(integer) FROM PUBLIC;
GRANT EXECUTE ON PROCEDURE compliance.first_statistics(integer) TO compliance_app;

RESET ROLE;
