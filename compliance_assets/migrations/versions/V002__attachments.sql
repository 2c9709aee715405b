-- A document may lie inside another, as an attachment does in a mail; and every document has a format to be counted by.

SET ROLE compliance_owner;

ALTER TABLE compliance.documents
    ADD COLUMN parent_id text,
    ADD COLUMN part text NOT NULL DEFAULT '',
    ADD COLUMN document_format text NOT NULL DEFAULT 'unknown',
    ADD FOREIGN KEY (organization_id, parent_id) REFERENCES compliance.documents (organization_id, filing_id),
    ADD CHECK ((parent_id IS NULL) = (part = ''));
CREATE INDEX documents_by_parent ON compliance.documents (organization_id, parent_id) WHERE parent_id IS NOT NULL;

RESET ROLE;
