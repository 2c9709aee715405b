-- The way of a release into production. Its steps are entries of the ledger and nothing else; here is what they name by digest.

SET ROLE compliance_owner;

-- What an evaluation found, as canonical JSON, deflated: with it a verdict can be made again. Invented filings alone.
CREATE TABLE compliance.evaluations (
    organization_id   uuid NOT NULL,
    evaluation_digest text NOT NULL,
    content           bytea NOT NULL,
    PRIMARY KEY (organization_id, evaluation_digest)
);

-- The receipt of a verdict, a signed note (C2SP). `seq` is the entry that says that it was issued.
CREATE TABLE compliance.evaluation_receipts (
    organization_id   uuid NOT NULL,
    receipt_digest    text NOT NULL,
    release_id        text NOT NULL,
    evaluation_digest text NOT NULL,
    note              text NOT NULL,
    seq               bigint NOT NULL,
    PRIMARY KEY (organization_id, receipt_digest),
    FOREIGN KEY (organization_id, release_id) REFERENCES compliance.releases,
    FOREIGN KEY (organization_id, evaluation_digest) REFERENCES compliance.evaluations
);

DO $$
DECLARE relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['evaluations', 'evaluation_receipts'] LOOP
        EXECUTE format('ALTER TABLE compliance.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE compliance.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON compliance.%I '
                       'USING (organization_id = compliance.current_organization()) '
                       'WITH CHECK (organization_id = compliance.current_organization())', relation);
        EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON compliance.%I '
                       'FOR EACH ROW EXECUTE FUNCTION compliance.refuse_ledger_change()', relation);
        EXECUTE format('CREATE TRIGGER append_only_truncate BEFORE TRUNCATE ON compliance.%I '
                       'FOR EACH STATEMENT EXECUTE FUNCTION compliance.refuse_ledger_change()', relation);
        EXECUTE format('GRANT SELECT, INSERT ON compliance.%I TO compliance_app', relation);
        EXECUTE format('GRANT SELECT ON compliance.%I TO compliance_auditor', relation);
    END LOOP;
END $$;
RESET ROLE;
