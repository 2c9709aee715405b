-- The release in production: which one it is, and the files that it serves with, kept so that it can be put back byte for byte.

SET ROLE compliance_owner;

-- The files of a release, as they were evaluated. Nothing personal: prompts, thresholds, routes, policy.
CREATE TABLE compliance.release_files (
    organization_id uuid NOT NULL,
    release_id      text NOT NULL,
    path            text NOT NULL,
    content         bytea NOT NULL,
    PRIMARY KEY (organization_id, release_id, path),
    FOREIGN KEY (organization_id, release_id) REFERENCES compliance.releases
);

-- The pointer. It stands where the ledger's last entry about it says; `seq` is that entry. Who reads it holds it against the
-- ledger, so that a row that was moved by hand serves nobody.
CREATE TABLE compliance.production_release (
    organization_id uuid NOT NULL PRIMARY KEY,
    release_id      text NOT NULL,
    seq             bigint NOT NULL,
    FOREIGN KEY (organization_id, release_id) REFERENCES compliance.releases
);

DO $$
DECLARE relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['release_files', 'production_release'] LOOP
        EXECUTE format('ALTER TABLE compliance.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE compliance.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON compliance.%I '
                       'USING (organization_id = compliance.current_organization()) '
                       'WITH CHECK (organization_id = compliance.current_organization())', relation);
        EXECUTE format('GRANT SELECT ON compliance.%I TO compliance_app', relation);
        EXECUTE format('GRANT SELECT ON compliance.%I TO compliance_auditor', relation);
    END LOOP;
END $$;
GRANT INSERT ON compliance.release_files TO compliance_app;

-- The one way in which the application moves the pointer: to the release that the newest entry of the ledger is about, where
-- that entry is a move. The application role can neither insert nor update the row itself.
CREATE FUNCTION compliance.follow_release_entry(moved bigint, kinds text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = compliance, pg_temp AS $$
DECLARE entry record;
BEGIN
    SELECT seq, subject_id, kind INTO entry FROM compliance.ledger_entries
        WHERE organization_id = compliance.current_organization() ORDER BY seq DESC LIMIT 1;
    IF entry.seq IS DISTINCT FROM moved OR entry.kind <> ALL (kinds) OR entry.kind NOT LIKE 'release\_%' THEN
        RAISE EXCEPTION 'the pointer follows the newest entry of the ledger, which is no move of the release'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO compliance.production_release (organization_id, release_id, seq)
        VALUES (compliance.current_organization(), entry.subject_id, entry.seq)
        ON CONFLICT (organization_id) DO UPDATE SET release_id = excluded.release_id, seq = excluded.seq;
END $$;
REVOKE ALL ON FUNCTION compliance.follow_release_entry FROM PUBLIC;
GRANT EXECUTE ON FUNCTION compliance.follow_release_entry TO compliance_app;
RESET ROLE;
